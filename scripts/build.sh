#!/usr/bin/env bash
# Builds everything, warnings as errors. Arguments go to dotnet build.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v dotnet >/dev/null; then
  echo "The .NET 10 SDK is missing: see https://dotnet.microsoft.com/download (macOS: brew install dotnet)." >&2
  exit 1
fi
exec dotnet build Orchestrator.sln -c Release --nologo -v quiet "$@"
