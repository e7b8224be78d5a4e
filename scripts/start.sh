#!/usr/bin/env bash
# Checks what is needed, builds, and runs the service in the foreground until Ctrl-C. Settings come from the environment: see README.
#   scripts/start.sh          on ORCHESTRATOR_HOME (default ~/.orchestrator)
#   scripts/start.sh --demo   on a home of its own, with a sample repository and a callback receiver: shows the main job
# Other arguments go to the service: --PORT 9000.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = "--demo" ]; then
  shift
  exec scripts/demo.sh "$@"
fi
. scripts/lib.sh
need_dotnet
need git git
need tmux tmux
if pid=$(service_pid); then die "A service runs already on $home: pid $pid, $(json_member "$service_file" url). Stop it with scripts/stop.sh."; fi
# The environment goes before orchestrator.json, so nothing is set here when a secret stands there.
if [ -z "${DISPATCH_SECRET:-}" ] && [ -z "$(configured_secret)" ]; then
  ensure_secret
  DISPATCH_SECRET=$(cat "$secret_file")
  export DISPATCH_SECRET
fi
say "Building …"
dotnet build Orchestrator.Silo -c Release --nologo -v quiet
exec Orchestrator.Silo/bin/Release/net10.0/Orchestrator.Silo "$@"
