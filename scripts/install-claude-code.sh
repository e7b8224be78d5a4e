#!/usr/bin/env bash
# Installs the pinned Claude Code for the tests into artifacts/claude-code (not under version control), once. Ends with 0 when it is
# there; else prints why it is not and ends with 1: the tests that need it are then reported as skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.1.330
folder=artifacts/claude-code
binary=$folder/node_modules/.bin/claude

is_there() {
  [ -x "$binary" ] && [ "$(cat "$folder/version" 2>/dev/null)" = "$version" ]
}

if is_there; then
  echo "Claude Code $version is there: $binary"
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "Claude Code for the tests: npm is missing. Install Node.js with npm (https://nodejs.org, macOS: brew install node)." >&2
  exit 1
fi

mkdir -p "$folder"
rm -rf "$folder/node_modules" "$folder/version" "$folder/package.json" "$folder/package-lock.json"
# The pin is exact: without it npm silently takes an older version that fits the Node here. The binary is native and needs no Node itself.
if ! npm install --prefix "$folder" --no-audit --no-fund --loglevel=error "@anthropic-ai/claude-code@$version" >"$folder/install.log" 2>&1; then
  echo "Claude Code for the tests: npm could not install @anthropic-ai/claude-code@$version:" >&2
  tail -n 5 "$folder/install.log" >&2
  exit 1
fi
# --version has to print the pin: an optional dependency that npm left out, or a platform without a binary, shows here.
answer=$("$binary" --version 2>&1 || true)
case $answer in
  "$version"*) ;;
  *)
    echo "Claude Code for the tests: $binary --version says: ${answer:0:300}" >&2
    exit 1
    ;;
esac
printf '%s\n' "$version" >"$folder/version"
echo "Claude Code $version is there: $binary"
