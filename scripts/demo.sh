#!/usr/bin/env bash
# The main job before your eyes: a service on a home of its own, a sample repository, a receiver of callbacks, two signed tasks. Ctrl-C ends it all.
# Started by scripts/start.sh --demo. Everything stays in DEMO_HOME (default ~/.orchestrator-demo), so that you can look at it afterwards.
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
pids=()
cleanup() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  say ""
  say "The demo has ended. What it made is in $home."
}
trap cleanup EXIT
trap 'exit 0' INT TERM

demo/Orchestrator.Demo/bin/Release/net10.0/Orchestrator.Demo "$service_file" "$secret_file" "$receiver_file" acme/demo &
demo_pid=$!
pids+=("$demo_pid")
for _ in $(seq 200); do
  [ -s "$receiver_file" ] && break
  kill -0 "$demo_pid" 2>/dev/null || die "The demo's receiver did not start."
  sleep 0.05
done
DISPATCH_SECRET=$(cat "$secret_file") PORT=${PORT:-0} WORKER_CAPACITY=2 GIT_URL_TEMPLATE="file://$home/git/{repository}.git" CALLBACK_ALLOW=$(cat "$receiver_file") \
  Orchestrator.Silo/bin/Release/net10.0/Orchestrator.Silo >"$home/demo-service.log" 2>&1 &
service=$!
pids+=("$service")
say "The service's log: $home/demo-service.log"
while kill -0 "$demo_pid" 2>/dev/null; do
  if ! kill -0 "$service" 2>/dev/null; then
    tail -n 20 "$home/demo-service.log" >&2
    die "The service has ended."
  fi
  sleep 0.5
done
wait "$demo_pid" || die "The demo failed: see above, and $home/demo-service.log."
