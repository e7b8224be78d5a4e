#!/usr/bin/env bash
# Signs and sends one task, with nothing but bash, curl and openssl: the contract's request by example. Ends with 0 when it is accepted.
#   scripts/submit.sh --repository owner/name --webhook URL [--worker script] [--task-id ID] [--secret FILE] [--webhook-secret TEXT] [--url URL] [PROMPT]
# Without PROMPT it is read from standard input. The dispatch secret is that of --secret, of DISPATCH_SECRET, of orchestrator.json, or the one that scripts/start.sh made.
set -euo pipefail
# Texts are bytes here, whatever the terminal's language.
export LC_ALL=C
called_from=$PWD
cd "$(dirname "$0")/.."
. scripts/lib.sh
usage() {
  sed -n '2,4s/^# \{0,1\}//p' scripts/submit.sh >&2
  exit 2
}
url="" repository="" webhook="" worker=script task_id="" webhook_secret="" prompt="" has_prompt="" named_secret=""
while [ $# -gt 0 ]; do
  case $1 in
    --repository | --webhook | --worker | --task-id | --secret | --webhook-secret | --url) [ $# -ge 2 ] || usage ;;
  esac
  case $1 in
    --repository) repository=$2 && shift 2 ;;
    --webhook) webhook=$2 && shift 2 ;;
    --worker) worker=$2 && shift 2 ;;
    --task-id) task_id=$2 && shift 2 ;;
    --secret) named_secret=$2 && shift 2 ;;
    --webhook-secret) webhook_secret=$2 && shift 2 ;;
    --url) url=$2 && shift 2 ;;
    --*) usage ;;
    *) [ -z "$has_prompt" ] || usage; prompt=$1 has_prompt=yes && shift ;;
  esac
done
[ -n "$webhook" ] || usage
need curl curl
need openssl openssl
[ -n "$url" ] || url=$(json_member "$service_file" url)
[ -n "$url" ] || die "No service runs on $home; name one by --url."

find_secret() {
  local file=$secret_file
  if [ -n "$named_secret" ]; then
    case $named_secret in /*) file=$named_secret ;; *) file=$called_from/$named_secret ;; esac
  elif [ -n "${DISPATCH_SECRET:-}" ]; then
    printf '%s' "$DISPATCH_SECRET"
    return
  elif [ -n "$(configured_secret)" ]; then
    configured_secret
    return
  fi
  [ -r "$file" ] || die "There is no dispatch secret in $file: name its file by --secret, or set DISPATCH_SECRET."
  cat "$file"
}
# While it is changed there are several, separated by commas; any of them will do. Spaces around do not count.
secret=$(find_secret)
secret=$(sed -e 's/,.*//' -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' <<<"$secret")
[ -n "$secret" ] || die "The dispatch secret is empty."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# JSON escapes what it must: backslash, quote and control characters.
{
  printf '%s\n' 's/\\/\\\\/g' 's/"/\\"/g'
  for code in 1 2 3 4 5 6 7 8 9 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31; do
    # shellcheck disable=SC2059
    printf "s/\\$(printf %03o $code)/\\\\\\\\u%04x/g\\n" $code
  done
} >"$work/escapes"
# Line ends are made U+0002, which is escaped by then, and back; the x keeps the last ones.
printf 's/\002/\\\\n/g\ns/x\\\\n$//\n' >"$work/line-ends"

# Standard input as a JSON string.
json() {
  printf '"'
  { cat; printf 'x\n'; } | sed -f "$work/escapes" | tr '\n' '\002' | sed -f "$work/line-ends" | tr -d '\n'
  printf '"'
}

member() {
  printf ',"%s":' "$1"
  printf '%s' "$2" | json
}

uuid() {
  local hex
  hex=$(openssl rand -hex 16)
  printf '%s-%s-4%s-a%s-%s' "${hex:0:8}" "${hex:8:4}" "${hex:13:3}" "${hex:17:3}" "${hex:20:12}"
}

# HMAC-SHA256 of a file by its definition (RFC 2104), H((K ^ opad) || H((K ^ ipad) || text)): openssl takes a key only on its command line, where everybody
# on the machine can read it.
hmac_sha256() {
  local key i byte inner="" outer=""
  key=$(printf '%s' "$1" | od -v -An -tx1 | tr -d ' \n')
  [ ${#key} -le 128 ] || key=$(printf '%s' "$1" | openssl dgst -sha256 -binary | od -v -An -tx1 | tr -d ' \n')
  for ((i = 0; i < 64; i++)); do
    byte=$((16#${key:$((i * 2)):2}0 / 16))
    inner+=$(printf '\\x%02x' $((byte ^ 0x36)))
    outer+=$(printf '\\x%02x' $((byte ^ 0x5c)))
  done
  { printf '%b' "$outer"; { printf '%b' "$inner"; cat "$2"; } | openssl dgst -sha256 -binary; } | openssl dgst -sha256 -r | cut -d' ' -f1
}

[ -n "$task_id" ] || task_id=task-$(uuid)
[ -n "$webhook_secret" ] || webhook_secret=$(openssl rand -hex 16)
timestamp=$(($(date +%s) * 1000))
nonce=$(uuid)
{
  printf '{"taskId":'
  printf '%s' "$task_id" | json
  member workerType "$worker"
  member webhookUrl "$webhook"
  member webhookSecret "$webhook_secret"
  [ -z "$repository" ] || member repository "$repository"
  printf ',"prompt":'
  if [ -n "$has_prompt" ]; then printf '%s' "$prompt" | json; else json; fi
  printf '}'
} >"$work/body"
{
  printf '%s.%s.' "$timestamp" "$nonce"
  cat "$work/body"
} >"$work/signed"
signature=$(hmac_sha256 "$secret" "$work/signed")
status=$(curl -sS --noproxy 127.0.0.1,localhost,::1 -o "$work/answer" -w '%{http_code}' -X POST "$url/tasks" -H 'Content-Type: application/json' \
  -H "X-Dispatch-Timestamp: $timestamp" -H "X-Dispatch-Nonce: $nonce" -H "X-Dispatch-Signature: $signature" --data-binary @"$work/body") \
  || die "The service does not answer at $url."
[ ! -s "$work/answer" ] || cat "$work/answer"
echo
[ "$status" = 202 ] || die "Not accepted: POST /tasks was answered with $status."
