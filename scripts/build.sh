#!/usr/bin/env bash
# Builds everything, warnings as errors. Arguments go to dotnet build.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_dotnet
exec dotnet build Orchestrator.sln -c Release --nologo -v quiet "$@"
