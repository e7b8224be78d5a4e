#!/usr/bin/env bash
# Stops the service on ORCHESTRATOR_HOME at once. Sessions live on, and are taken up at the next start.
#   scripts/stop.sh           SIGTERM
#   scripts/stop.sh --drain   takes no more tasks and waits for those that run (up to SHUTDOWN_DRAIN_SECONDS)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
pid=$(service_pid) || die "No service runs on $home."
case ${1:-} in
  "") kill -TERM "$pid" ;;
  --drain)
    need curl curl
    answer=$(curl -sS --noproxy '*' --max-time 30 -w '\n%{http_code}' -X POST -H 'Content-Type: application/json' "$(json_member "$service_file" url)/admin/shutdown") \
      || die "The service (pid $pid) does not answer; without --drain it is stopped at once."
    case ${answer##*$'\n'} in
      200) printf '%s\n' "${answer%$'\n'*}" ;;
      401) die "The drain needs a signature here (ACCESS=signed); without --drain the service is stopped at once." ;;
      *) die "POST /admin/shutdown was answered with ${answer##*$'\n'}: ${answer%$'\n'*}" ;;
    esac
    ;;
  *)
    sed -n '2,4s/^# \{0,1\}//p' scripts/stop.sh >&2
    exit 2
    ;;
esac
waited=0
while is_service "$pid"; do
  sleep 0.2
  waited=$((waited + 1))
  [ $((waited % 50)) -ne 0 ] || say "Waiting for the service (pid $pid) to end …"
done
echo "Stopped (pid $pid)."
