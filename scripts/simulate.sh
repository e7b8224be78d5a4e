#!/usr/bin/env bash
# Simulates the grains under losses, doublings, failing writes, crashes and jumping clocks, seed after seed, and checks docs' promises at every step. Ends with seeds, steps, crashes, losses, findings and time; the exit code
# is 0 when nothing was found. What is found is shown as a short schedule.
#   scripts/simulate.sh [--seeds N] [--from S]   N seeds (default 10000) from seed S (default 1) on all cores
#   scripts/simulate.sh --seed N                 that one alone, told step by step
#   scripts/simulate.sh --coverage               with a count of every event in every phase; --mutant NAME: with something made wrong on purpose
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_dotnet
dotnet build tests/Orchestrator.Simulator -c Release --nologo -v quiet >&2
exec tests/Orchestrator.Simulator/bin/Release/net10.0/Orchestrator.Simulator "$@"
