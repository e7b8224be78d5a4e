#!/usr/bin/env bash
# Formats the code; with --check only says what is not formatted, and fails if anything is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_dotnet
if [ "${1:-}" = "--check" ]; then
  exec dotnet format Orchestrator.sln --verify-no-changes --severity warn
fi
exec dotnet format Orchestrator.sln --severity warn
