using System.Globalization;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>What somebody without the service would write: a shell loop of <c>git worktree add</c> and <c>tmux new-session</c>, on a mirror of the same repository.</summary>
internal sealed class BareLoop(ServicePlace place, SampleRepository repository, FirstInstructions agents)
{
    private const string Script =
        """
        set -euo pipefail
        mode=$1 count=$2 mirror=$3 worktrees=$4 socket=$5 agent=$6 starts=$7
        for ((i = 0; i < count; i++)); do
          name=${worktrees##*/}-$i
          begin=$EPOCHREALTIME
          git -C "$mirror" worktree add --quiet -b "bare/$name" "$worktrees/$name" main
          tmux -S "$socket" -f /dev/null new-session -d -s "$name" -c "$worktrees/$name" "$agent" "$name"
          printf '%s %s %s\n' "$name" "$begin" "$EPOCHREALTIME"
          if [ "$mode" = one ]; then while [ ! -s "$starts/$name" ]; do sleep 0.005; done; fi
        done
        """;

    private int _run;

    /// <summary>One after the other, each waited for: seconds from its begin to the agent's first instruction.</summary>
    public async Task<IReadOnlyList<double>> OneAtATimeAsync(int count)
    {
        var lines = await RunAsync("one", count);
        var times = new List<double>();
        foreach (var (name, begin, _) in lines) times.Add(await agents.WaitAsync(name) - begin);
        return times;
    }

    /// <summary>As fast as the loop can, waiting for nobody: seconds until its end.</summary>
    public async Task<double> SerialAsync(int count)
    {
        var lines = await RunAsync("serial", count);
        return lines[^1].End - lines[0].Begin;
    }

    private async Task<List<(string Name, double Begin, double End)>> RunAsync(string mode, int count)
    {
        var run = $"bare{_run++}";
        var (mirror, worktrees, socket) = (place.At(run + ".git"), place.At(run), place.At(run + ".sock"));
        Tool.Run("git", "clone", "--quiet", "--bare", repository.Origin, mirror);
        Directory.CreateDirectory(worktrees);
        try
        {
            var output = Tool.Run(
                "bash", "-c", Script, "bare-loop", mode, count.ToString(CultureInfo.InvariantCulture), mirror, worktrees, socket, agents.Program, agents.Folder);
            var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '));
            var found = lines.Select(words => (words[0], FirstInstructions.Parse(words[1]), FirstInstructions.Parse(words[2]))).ToList();
            // Who has not begun to run yet is not killed before it has, in either mode.
            foreach (var (name, _, _) in found) await agents.WaitAsync(name);
            return found;
        }
        finally
        {
            // The files stay until the end: ext4 gives out no inode that was freed a moment ago, and looks at each of them first, so that whoever makes files after a
            // deletion pays for it (seen: 250 ms instead of 20 for a worktree of 500 files).
            Tool.TryRun("tmux", "-S", socket, "kill-server");
        }
    }
}
