#!/usr/bin/env bash
# Says how the service on ORCHESTRATOR_HOME is, and what its newest tasks do. Ends with 0 when it is ready.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
pid=$(service_pid) || die "No service runs on $home. Start one with scripts/start.sh."
need curl curl
url=$(json_member "$service_file" url)
health=$(curl -fsS --noproxy '*' --max-time 5 "$url/health") || die "The service (pid $pid) does not answer at $url."
health=${health%%\"checks\"*}
member() { sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' <<<"$health"; }
status=$(sed -n 's/^{"status":"\([^"]*\)".*/\1/p' <<<"$health")
echo "$status: $url, pid $pid, home $home"
echo "slots: $(member running) of $(member capacity) taken, $(member queued) tasks wait, $(member pendingTerminalCallbacks) callbacks owed"
answer=$(curl -sS --noproxy '*' --max-time 5 -w '\n%{http_code}' "$url/tasks?limit=10") || die "The service (pid $pid) does not answer at $url."
case ${answer##*$'\n'} in
  200)
    echo "newest tasks:"
    tr '{' '\n' <<<"$answer" | sed -n 's/^"taskId":"\([^"]*\)","status":"\([^"]*\)".*/  \1  \2/p'
    ;;
  401) echo "newest tasks: not shown, the list needs a signature here (ACCESS=signed)" ;;
  *) echo "newest tasks: not shown, GET /tasks was answered with ${answer##*$'\n'}" ;;
esac
[ "$status" = ready ] || die "Why it is not ready is said by: curl -s $url/health"
