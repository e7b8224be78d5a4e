#!/usr/bin/env bash
# Stops the service on ORCHESTRATOR_HOME at once. Sessions live on, and are taken up at the next start.
#   scripts/stop.sh           SIGTERM
#   scripts/stop.sh --drain   takes no more tasks and waits for those that run (up to SHUTDOWN_DRAIN_SECONDS)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
pid=$(service_pid) || die "No service runs on $home."
if [ "${1:-}" = "--drain" ]; then
  curl -fsS -X POST -H 'Content-Type: application/json' "$(json_member "$service_file" url)/admin/shutdown" || die "The service does not answer; without --drain it is stopped at once."
  echo
else
  kill -TERM "$pid"
fi
waited=0
while kill -0 "$pid" 2>/dev/null; do
  sleep 0.2
  waited=$((waited + 1))
  [ $((waited % 50)) -ne 0 ] || say "Waiting for the service (pid $pid) to end …"
done
echo "Stopped (pid $pid)."
