#!/usr/bin/env bash
# Prints measured figures as a table: median and range of several rounds. Nothing is asserted; docs/benchmarks.md keeps what was seen.
#   scripts/bench.sh silo [rounds] [web|calls|storage|activation|collection]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
case "${1:-}" in
  silo)
    need_dotnet
    dotnet build tests/Orchestrator.Benchmarks -c Release --nologo -v quiet
    echo "date: $(date -u +%Y-%m-%d), commit: $(git rev-parse --short HEAD), machine: $(uname -sm), $(getconf _NPROCESSORS_ONLN) cores, .NET $(dotnet --version)"
    exec tests/Orchestrator.Benchmarks/bin/Release/net10.0/Orchestrator.Benchmarks "$@"
    ;;
  *)
    sed -n '2,3s/^# \{0,1\}//p' scripts/bench.sh >&2
    exit 2
    ;;
esac
