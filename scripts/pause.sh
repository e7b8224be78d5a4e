#!/usr/bin/env bash
# Starts no more agents of the service on ORCHESTRATOR_HOME; those that run go on. Kept over restarts.
#   scripts/pause.sh            tasks are taken, and wait
#   scripts/pause.sh --drain    tasks are refused (503) too; those that wait stay
#   scripts/pause.sh --resume   agents are started again
#   scripts/pause.sh --release ACCOUNT   an account's usage limit was lifted or misread: its held tasks go on
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
case ${1:-} in
  "") what=pause ;;
  --drain) what=drain ;;
  --resume) what=resume ;;
  --release)
    [ -n "${2:-}" ] || die "--release needs the name of an account: /health shows it under heldAccounts."
    what=accounts/$2/release
    ;;
  *)
    sed -n '2,6s/^# \{0,1\}//p' scripts/pause.sh >&2
    exit 2
    ;;
esac
pid=$(service_pid) || die "No service runs on $home."
need curl curl
answer=$(curl -sS --noproxy '*' --max-time 30 -w '\n%{http_code}' -X POST "$(json_member "$service_file" url)/admin/$what") || die "The service (pid $pid) does not answer."
case ${answer##*$'\n'} in
  200) printf '%s\n' "${answer%$'\n'*}" ;;
  401) die "POST /admin/$what needs a signature here (ACCESS=signed)." ;;
  *) die "POST /admin/$what was answered with ${answer##*$'\n'}: ${answer%$'\n'*}" ;;
esac
