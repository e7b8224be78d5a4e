#!/usr/bin/env bash
# The main job before your eyes: a service on a home of its own, a sample repository, a receiver of callbacks, two signed tasks. Ctrl-C ends it all.
# Started by scripts/start.sh --demo. Everything stays in DEMO_HOME (default ~/.orchestrator-demo), so that you can look at it afterwards.
# Ends with 0 by Ctrl-C, with 1 when a task did not complete or a part of it failed.
set -euo pipefail
cd "$(dirname "$0")/.."
export ORCHESTRATOR_HOME=${DEMO_HOME:-$HOME/.orchestrator-demo}
. scripts/lib.sh
need_dotnet
need git git
need tmux tmux
if pid=$(service_pid); then die "A demo runs already on $home (pid $pid). End it with Ctrl-C there, or: ORCHESTRATOR_HOME=$home scripts/stop.sh"; fi
ensure_secret
say "Building …"
dotnet build Orchestrator.Silo -c Release --nologo -v quiet
dotnet build demo/Orchestrator.Demo -c Release --nologo -v quiet

origin=$home/git/acme/demo.git
if [ ! -d "$origin" ]; then
  sample=$(mktemp -d)
  git -c init.defaultBranch=main init -q "$sample"
  printf '# Demo\n\nA sample repository.\n' >"$sample/README.md"
  git -C "$sample" add README.md
  git -C "$sample" -c user.name=Demo -c user.email=demo@localhost -c commit.gpgsign=false commit -q -m "Begin"
  mkdir -p "$(dirname "$origin")"
  git clone -q --bare "$sample" "$origin"
  rm -rf "$sample"
fi

receiver_file=$home/demo-receiver
rm -f "$receiver_file" "$service_file"
demo_pid="" service=""

# The sessions of this home: hosts, and the terminals that show them.
session_pids() {
  local pid line
  if command -v ps >/dev/null; then
    ps -ww -A -o pid= -o args= 2>/dev/null || true
  else
    for pid in /proc/[0-9]*; do printf '%s %s\n' "${pid#/proc/}" "$(command_of "${pid#/proc/}")"; done
  fi | while read -r pid line; do
    case $line in *Orchestrator.SessionHost*"$home/sessions/"*) printf '%s\n' "$pid" ;; esac
  done
}

# Ends processes, and waits until they are gone; those that do not go within 10 s are killed.
end() {
  local pid waited=0
  for pid in "$@"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "$@"; do
    while kill -0 "$pid" 2>/dev/null && [ -n "$(command_of "$pid")" ]; do
      if [ "$waited" -ge 100 ]; then
        kill -KILL "$pid" 2>/dev/null || true
        break
      fi
      waited=$((waited + 1))
      sleep 0.1
    done
  done
}

cleanup() {
  trap - EXIT
  trap '' INT TERM HUP
  local socket
  # Who asks goes before who answers, and the service before the sessions: else it would take them for lost ones.
  # shellcheck disable=SC2086
  end $demo_pid
  # shellcheck disable=SC2086
  end $service
  # shellcheck disable=SC2046
  end $(session_pids)
  for socket in "$home"/s/*/*.sock; do [ ! -S "$socket" ] || tmux -S "$socket" kill-server 2>/dev/null || true; done
  say ""
  say "The demo has ended. What it made is in $home."
}
trap cleanup EXIT
trap 'exit 0' INT TERM HUP

demo/Orchestrator.Demo/bin/Release/net10.0/Orchestrator.Demo "$service_file" "$secret_file" "$receiver_file" acme/demo &
demo_pid=$!
for _ in {1..200}; do
  [ ! -s "$receiver_file" ] || break
  kill -0 "$demo_pid" 2>/dev/null || die "The demo's receiver did not start."
  sleep 0.05
done
[ -s "$receiver_file" ] || die "The demo's receiver was not ready within 10 s."
# What the demo shows does not depend on the settings that the real service has in this shell.
unset SCRIPT_AGENT QUEUE_LIMIT QUEUE_TTL_HOURS TASK_TIMEOUT_HOURS BEHIND_PROXY
DISPATCH_SECRET=$(cat "$secret_file") PORT=${PORT:-0} BIND=127.0.0.1 ACCESS=local WORKER_CAPACITY=2 WORKTREE_KEEP=always \
  GIT_URL_TEMPLATE="file://$home/git/{repository}.git" CALLBACK_ALLOW=$(cat "$receiver_file") \
  Orchestrator.Silo/bin/Release/net10.0/Orchestrator.Silo >"$home/demo-service.log" 2>&1 &
service=$!
say "The service's log: $home/demo-service.log"
while kill -0 "$demo_pid" 2>/dev/null; do
  if ! kill -0 "$service" 2>/dev/null; then
    tail -n 20 "$home/demo-service.log" >&2
    die "The service has ended: see above, and $home/demo-service.log."
  fi
  sleep 0.5
done
wait "$demo_pid" || die "The demo failed: see above, and $home/demo-service.log."
