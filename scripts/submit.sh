#!/usr/bin/env bash
# Signs and sends one task, with nothing but bash, curl and openssl: the contract's request by example.
#   scripts/submit.sh --repository owner/name --webhook URL [--worker script] [--task-id ID] [--secret FILE] [--webhook-secret TEXT] [--url URL] [PROMPT]
# Without PROMPT it is read from standard input. The dispatch secret is DISPATCH_SECRET, or the one that scripts/start.sh made.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
usage() {
  sed -n '2,4s/^# \{0,1\}//p' scripts/submit.sh >&2
  exit 2
}
url="" repository="" webhook="" worker=script task_id="" webhook_secret="" prompt=""
while [ $# -gt 0 ]; do
  case $1 in
    --repository) repository=${2:?} && shift 2 ;;
    --webhook) webhook=${2:?} && shift 2 ;;
    --worker) worker=${2:?} && shift 2 ;;
    --task-id) task_id=${2:?} && shift 2 ;;
    --secret) secret_file=${2:?} && shift 2 ;;
    --webhook-secret) webhook_secret=${2:?} && shift 2 ;;
    --url) url=${2:?} && shift 2 ;;
    --*) usage ;;
    *) prompt=$1 && shift ;;
  esac
done
[ -n "$webhook" ] || usage
[ -n "$prompt" ] || prompt=$(cat)
[ -n "$url" ] || url=$(json_member "$service_file" url)
[ -n "$url" ] || die "No service runs on $home; name one by --url."
command -v openssl >/dev/null || die "openssl is missing."
secret=${DISPATCH_SECRET:-$(cat "$secret_file")}
secret=${secret%%,*}

# JSON escapes what it must: backslash, quote and control characters.
json() {
  local text=$1 out="" char i
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      '"') out+='\"' ;;
      \\) out+='\\' ;;
      $'\n') out+='\n' ;;
      $'\r') out+='\r' ;;
      $'\t') out+='\t' ;;
      [[:cntrl:]]) out+=$(printf '\\u%04x' "'$char") ;;
      *) out+=$char ;;
    esac
  done
  printf '"%s"' "$out"
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
body='{"taskId":'$(json "$task_id")',"workerType":'$(json "$worker")',"prompt":'$(json "$prompt")',"webhookUrl":'$(json "$webhook")',"webhookSecret":'$(json "$webhook_secret")
[ -z "$repository" ] || body+=',"repository":'$(json "$repository")
body+='}'
timestamp=$(($(date +%s) * 1000))
nonce=$(uuid)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s' "$body" >"$work/body"
printf '%s.%s.%s' "$timestamp" "$nonce" "$body" >"$work/signed"
signature=$(hmac_sha256 "$secret" "$work/signed")
curl -sS -w '\n' -X POST "$url/tasks" -H 'Content-Type: application/json' -H "X-Dispatch-Timestamp: $timestamp" -H "X-Dispatch-Nonce: $nonce" \
  -H "X-Dispatch-Signature: $signature" --data-binary @"$work/body"
