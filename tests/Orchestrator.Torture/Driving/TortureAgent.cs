namespace Orchestrator.Torture.Driving;

/// <summary>The script that the tasks of a torture run: it does what the prompt's first line says, and says what it does in a log outside of its worktree.</summary>
internal static class TortureAgent
{
    /// <summary>The log, in the place's folder.</summary>
    public const string Log = "agents.log";

    /// <summary>
    /// The lock is held by everything that the agent leaves behind, so that a later attempt finds out whether something of an earlier one lives. Lines are appended by one write
    /// each.
    /// </summary>
    public const string Lines =
        """
        exec 9>>"$PLACE/lock-$TASK_ID"
        alone=alone
        flock -n 9 || alone=twin
        prompt=$PLACE/prompt-$TASK_ID.$TASK_ATTEMPT
        cat >"$prompt"
        sha=$(sha256sum "$prompt")
        log() { printf '%s %s %s %s %s %s\n' "$1" "$TASK_ID" "$TASK_ATTEMPT" "$$" "$EPOCHREALTIME" "$2" >>"$PLACE/agents.log"; }
        log start "$alone:${sha%% *}"
        trap 'log end $?' EXIT
        work() {
          echo "$TASK_ATTEMPT $1" >>"work-$TASK_ID.txt"
          git add --all
          git -c user.name=Agent -c user.email=agent@localhost -c commit.gpgsign=false commit -q -m "$1"
          log commit "$(git rev-parse HEAD)"
        }
        child() {
          setsid bash -c 'trap "" INT TERM; for ((i = 0; i < 600; i++)); do sleep 0.1; done' </dev/null >/dev/null 2>&1 &
        }
        kind='' seconds=0
        read -r kind seconds _ <"$prompt" || true
        echo "$TASK_ID begins"
        case $kind in
          quick) work one ;;
          slow) work one; sleep "$seconds"; work two ;;
          child) child; sleep "$seconds"; work one ;;
          fail) work one; sleep "$seconds"; exit 3 ;;
          dirty) work one; sleep "$seconds"; echo left >"uncommitted-$TASK_ID.txt" ;;
          stubborn) trap '' INT TERM; child; work one; while :; do sleep 0.1; done ;;
          # Killed by its test in its first attempt; the one that goes on gets another prompt.
          victim) work one; sleep "$seconds" ;;
          *) work again ;;
        esac
        echo "$TASK_ID is done"
        """;
}
