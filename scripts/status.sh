#!/usr/bin/env bash
# Says how the service on ORCHESTRATOR_HOME is, and what its newest tasks do. Ends with 0 when it is ready.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
pid=$(service_pid) || die "No service runs on $home. Start one with scripts/start.sh."
url=$(json_member "$service_file" url)
health=$(curl -fsS --max-time 5 "$url/health") || die "The service (pid $pid) does not answer at $url."
member() { printf '%s' "$health" | sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p' | head -n 1; }
status=$(printf '%s' "$health" | sed 's/"checks".*//' | sed -n 's/^{"status":"\([^"]*\)".*/\1/p')
echo "$status: $url, pid $pid, home $home"
echo "slots: $(member running) of $(member capacity) taken, $(member queued) tasks wait, $(member pendingTerminalCallbacks) callbacks owed"
echo "newest tasks:"
curl -fsS --max-time 5 "$url/tasks?limit=10" | tr '{' '\n' | sed -n 's/^"taskId":"\([^"]*\)","status":"\([^"]*\)".*/  \1  \2/p'
[ "$status" = ready ]
