using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Keeps mirrors from growing into millions of small files: packs what refs lead to, under the repository's lock, when much of it is loose. Nothing is ever pruned: what an agent has amended or reset away
/// is on no ref, and still somebody's work.
/// </summary>
internal sealed partial class MirrorMaintenance(StrayWorktrees strays, GitRepositories repositories, GitLockFiles lockFiles, MirrorSettings settings, ILogger<MirrorMaintenance> logger)
{
    /// <summary>Loose objects in one of 256 folders, beyond which git gc would pack, too (gc.auto, 6700).</summary>
    private const int LooseInFolderMax = 27;

    private const int PacksMax = 50;

    public async Task RunAsync(SweepRun run, CancellationToken cancellationToken)
    {
        foreach (var name in strays.Repositories().ToList())
        {
            if (run.IsTimeOver) return;
            var repository = repositories.Find(name);
            if (!IsDue(repository.Mirror)) continue;
            try
            {
                using var stay = await repository.EnterAsync(cancellationToken);
                if (!repositories.IsThere(repository.Mirror)) continue;
                await settings.RestoreAsync(repository.Mirror, cancellationToken);
                await lockFiles.RunAsync(repository.Mirror, new(repository.Mirror.Path, "pack-refs", "--all") { IsIsolated = true }, cancellationToken);
                string[] repack = CountPacks(repository.Mirror) > PacksMax ? ["repack", "-A", "-d", "-q", "-l"] : ["repack", "-d", "-q", "-l"];
                await lockFiles.RunAsync(repository.Mirror, new(repository.Mirror.Path, repack) { IsIsolated = true, IsFetch = true }, cancellationToken);
                LogPacked(name);
            }
            catch (Exception exception) when (GitFailures.IsExpected(exception))
            {
                run.Troubles.Add($"{name}: {GitFailures.Describe(exception, repository.Mirror).Message}");
            }
        }
    }

    private static bool IsDue(GitMirror mirror)
    {
        var sample = mirror.At("objects", "17");
        return (Directory.Exists(sample) && Directory.EnumerateFiles(sample).Skip(LooseInFolderMax).Any()) || CountPacks(mirror) > PacksMax;
    }

    private static int CountPacks(GitMirror mirror) => Directory.Exists(mirror.At("objects", "pack")) ? Directory.EnumerateFiles(mirror.At("objects", "pack"), "*.pack").Count() : 0;

    [LoggerMessage(550, LogLevel.Information, "The mirror of {Repository} was packed.")]
    private partial void LogPacked(string repository);
}
