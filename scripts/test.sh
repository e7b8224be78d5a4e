#!/usr/bin/env bash
# Installs what the tests need, builds, runs every test and ends with "N passed, N failed[, N skipped]". Arguments go to dotnet test, e.g.
#   scripts/test.sh --filter FullyQualifiedName~Reminder
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_dotnet
need git git
# Without tmux nothing of the main job can be tested, so it is needed. Tests that need another thing which cannot be had here are skipped and say why.
need tmux tmux
try_install curl curl || say "curl is not here and could not be installed."
try_install openssl openssl || say "openssl is not here and could not be installed."
try_install sqlite3 sqlite3 || say "sqlite3 is not here and could not be installed."
try_install node nodejs || say "Node.js is not here and could not be installed."
try_install npm npm || say "npm is not here and could not be installed."
scripts/build.sh
scripts/install-claude-code.sh || true
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0
dotnet test Orchestrator.sln -c Release --no-build --nologo --logger "console;verbosity=normal" "$@" 2>&1 | tee "$log" | grep -vE '^ +Passed |^\[xUnit' || code=${PIPESTATUS[0]}
count() { awk -v what="$1" '$1 == what ":" { sum += $2 } END { print sum + 0 }' "$log"; }
passed=$(count Passed)
failed=$(count Failed)
skipped=$(count Skipped)
if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
  echo "dotnet test ended with $code before it could count: see above." >&2
  failed=1
fi
if [ "$passed" -eq 0 ]; then
  echo "No test ran." >&2
  code=1
fi
echo
if [ "$skipped" -gt 0 ]; then
  echo "Skipped:"
  grep -A 1 -F '[SKIP]' "$log" | sed -E -e '/^--$/d' -e 's/^\[xUnit\.net [0-9:.]+\] +/  /' || true
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
exit "$code"
