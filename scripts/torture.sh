#!/usr/bin/env bash
# Kills, faults and floods in large doses, judged by the invariants of the service. Prints seed, cycles and findings of each part; the exit code counts the findings (100 at most).
#   scripts/torture.sh [part …] [--seed N] [--cycles N] [--seeds N] [--places N] [--targets service,tmux,both,host] [--point NAME,…]
# Parts (all, when none is named), and what --cycles counts:
#   kills      kill -9 of the service at random moments under load (300; the long run: 3000)
#   points     every named fail point: what dies there, and at which of its hits (--seeds rounds: 1; the long run: 20)
#   faults     the facts about grains and services, with a storage that is busy, times out, or writes and then says that it did not (30 % of all writes)
#   simulate   the rules of task, capacity and callback under random events (seeds: 100000)
#   fuzz       what reads input from outside (inputs for each: 1000000)
#   callbacks  ends that are owed, with 30 % of all tries refused and the service killed in between (1000)
#   git        tasks of one repository at once (200)
#   cancels    cancels at random moments (100)
#   prompts    prompts of 1 B to 256 KiB (1000)
#   adoption   a kill over 8 living agents (5)
# TORTURE_KEEP=<folder> keeps the logs of what was found.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_dotnet
need git git
need tmux tmux
all="kills points faults simulate fuzz callbacks git cancels prompts adoption"
parts=() options=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h)
      sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' scripts/torture.sh
      exit 0
      ;;
    --*)
      [ $# -gt 1 ] || die "$1 needs a value."
      options+=("$1" "$2")
      shift
      ;;
    *)
      case " $all " in *" $1 "*) parts+=("$1") ;; *) die "There is no part '$1'; there are: $all." ;; esac
      ;;
  esac
  shift
done
[ ${#parts[@]} -gt 0 ] || read -r -a parts <<<"$all"
option() {
  local i
  for ((i = 0; i < ${#options[@]}; i += 2)); do
    [ "${options[$i]}" != "--$1" ] || { printf '%s' "${options[$((i + 1))]}"; return; }
  done
  printf '%s' "$2"
}
dotnet build Orchestrator.Silo -c Release --nologo -v quiet
dotnet build tests/Orchestrator.Torture -c Release --nologo -v quiet
echo "date: $(date -u +%Y-%m-%d), commit: $(git rev-parse --short HEAD), machine: $(uname -sm), $(getconf _NPROCESSORS_ONLN) cores,$(uptime | sed 's/.*load/ load/')"
findings=0
for part in "${parts[@]}"; do
  code=0
  case $part in
    simulate) if [ -x scripts/simulate.sh ]; then scripts/simulate.sh --seeds "$(option cycles 100000)" || code=$?; else say "[simulate] scripts/simulate.sh is not here."; code=1; fi ;;
    faults)
      if [ -d tests/Orchestrator.Testing/Faults ]; then
        STORAGE_FAULTS="0.3:$(option seed 1)" scripts/test.sh --filter Suite=Faults || code=$?
      else
        say "[faults] The storage that fails is not built yet."
        code=1
      fi
      ;;
    *) tests/Orchestrator.Torture/bin/Release/net10.0/Orchestrator.Torture "$part" ${options[@]+"${options[@]}"} || code=$? ;;
  esac
  findings=$((findings + code))
done
echo "${parts[*]}: $findings findings"
[ "$findings" -le 100 ] || findings=100
exit "$findings"
