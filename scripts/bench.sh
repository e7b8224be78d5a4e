#!/usr/bin/env bash
# Prints measured figures as a table: median and range of several rounds. Nothing is asserted; docs/benchmarks.md keeps what was seen.
#   scripts/bench.sh silo [rounds] [web|calls|storage|activation|collection]
#   scripts/bench.sh dispatch [rounds]   from POST to the agent's first instruction, beside a bare shell loop of git and tmux; the session host
#   scripts/bench.sh submit [rounds]     what the door takes, and start and memory of the service
#   scripts/bench.sh queue [rounds]      the same with 10,000 tasks in the line, and after a kill (3 minutes a round)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
case "${1:-}" in
  silo | dispatch | submit | queue)
    need_dotnet
    # The service is a process of its own in what measures it, and is built as it is shipped.
    [ "$1" = silo ] || dotnet build Orchestrator.Silo -c Release --nologo -v quiet
    dotnet build tests/Orchestrator.Benchmarks -c Release --nologo -v quiet
    echo "date: $(date -u +%Y-%m-%d), commit: $(git rev-parse --short HEAD), machine: $(uname -sm), $(getconf _NPROCESSORS_ONLN) cores, .NET $(dotnet --version),$(uptime | sed 's/.*load/ load/')"
    exec tests/Orchestrator.Benchmarks/bin/Release/net10.0/Orchestrator.Benchmarks "$@"
    ;;
  *)
    sed -n '2,6s/^# \{0,1\}//p' scripts/bench.sh >&2
    exit 2
    ;;
esac
