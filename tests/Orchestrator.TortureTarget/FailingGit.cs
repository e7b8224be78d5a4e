namespace Orchestrator.TortureTarget;

/// <summary>
/// A script in git's place, that passes the points of three of its commands: before, after, and while git goes on by itself, as it does when the service is killed under it.
/// </summary>
internal static class FailingGit
{
    /// <returns>The script's path; null when no point of git's is asked for and nothing is traced.</returns>
    public static string? Write(FailPoints points)
    {
        if (points.TracePath is null && points.Point?.StartsWith("git.", StringComparison.Ordinal) != true) return null;
        var home = Environment.GetEnvironmentVariable("ORCHESTRATOR_HOME")!;
        Directory.CreateDirectory(home);
        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(home))!, "torture-git");
        var next = $"{path}.{Environment.ProcessId}";
        File.WriteAllText(next, Text(points, home));
        File.SetUnixFileMode(next, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.Move(next, path, overwrite: true);
        return path;
    }

    private static string Text(FailPoints points, string home) =>
        $$"""
        #!/bin/bash
        case " $* " in
          *" fetch "*) step=git.fetch ;;
          *" worktree add "*) step=git.worktree-add ;;
          *" reset --hard "*) step=git.checkout ;;
          *) exec git "$@" ;;
        esac
        trace='{{(points.TracePath is null ? "" : FailPoints.GitTraceOf(points.TracePath))}}' point='{{points.Point}}' target='{{points.Target}}' service={{Environment.ProcessId}}
        pass() {
          [ -z "$trace" ] || echo "$1" >>"$trace"
          [ "$1" = "$point" ] || return 0
          echo x >>'{{home}}/../torture-git.hits'
          [ "$(wc -l <'{{home}}/../torture-git.hits')" -eq {{points.Hit}} ] || return 0
          case $target in Tmux | Both) for socket in '{{home}}'/s/*/*.sock; do tmux -S "$socket" kill-server 2>/dev/null; done ;; esac
          case $target in Service | Both) kill -9 "$service"; killed=1 ;; esac
        }
        killed=
        pass $step.before
        [ -z "$killed" ] || exit 1
        if [ "$step.during" = "$point" ] || [ -n "$trace" ]; then
          git "$@" <&0 &
          pass $step.during
          wait $!
        else
          git "$@"
        fi
        code=$?
        [ "$code" -ne 0 ] || pass $step.after
        exit $code
        """;
}
