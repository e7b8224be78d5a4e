using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Keeps mirrors from growing into millions of small files: packs what refs lead to, under the repository's lock, when much of it is loose. Nothing is ever pruned: what an agent has amended or reset away
/// is on no ref, and still somebody's work.
/// </summary>
internal sealed partial class MirrorMaintenance(StrayWorktrees strays, GitRepositories repositories, GitLockFiles lockFiles, MirrorSettings settings, TimeProvider clock, ILogger<MirrorMaintenance> logger)
{
    /// <summary>Loose objects in one of 256 folders, beyond which git gc would pack, too (gc.auto, 6700).</summary>
    private const int LooseInFolderMax = 27;

    private const int PacksMax = 50;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromHours(1), LeftAge = TimeSpan.FromDays(1);

    /// <summary>What stayed loose after the last time, as it is on no ref: it must not make the next one due.</summary>
    private readonly Dictionary<string, int> _stayed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _failedAt = new(StringComparer.Ordinal);

    public async Task RunAsync(SweepRun run, CancellationToken cancellationToken)
    {
        foreach (var name in strays.Repositories().ToList())
        {
            if (run.IsTimeOver) return;
            var repository = repositories.Find(name);
            if (_failedAt.TryGetValue(name, out var failedAt) && clock.GetElapsedTime(failedAt) < RetryDelay) continue;
            try
            {
                if (run.IsClockSound) RemoveLeft(repository.Mirror);
                if (!IsDue(repository.Mirror)) continue;
                using var stay = await repository.EnterAsync(cancellationToken);
                if (!repositories.IsThere(repository.Mirror)) continue;
                await settings.RestoreAsync(repository.Mirror, cancellationToken);
                await lockFiles.RunAsync(repository.Mirror, new(repository.Mirror.Path, "pack-refs", "--all") { IsIsolated = true }, cancellationToken);
                string[] repack = CountPacks(repository.Mirror) > PacksMax ? ["repack", "-A", "-d", "-q", "-l"] : ["repack", "-d", "-q", "-l"];
                await lockFiles.RunAsync(repository.Mirror, new(repository.Mirror.Path, repack) { IsIsolated = true, IsFetch = true }, cancellationToken);
                _stayed[name] = CountLoose(repository.Mirror);
                _failedAt.Remove(name);
                LogPacked(name);
            }
            catch (Exception exception) when (GitFailures.IsExpected(exception))
            {
                _failedAt[name] = clock.GetTimestamp();
                run.Troubles.Add($"{name}: {GitFailures.Describe(exception, repository.Mirror).Message}");
            }
        }
    }

    private bool IsDue(GitMirror mirror) => CountLoose(mirror) > LooseInFolderMax + _stayed.GetValueOrDefault(mirror.Repository) || CountPacks(mirror) > PacksMax;

    private static int CountLoose(GitMirror mirror) => Directory.Exists(mirror.At("objects", "17")) ? Directory.EnumerateFiles(mirror.At("objects", "17")).Count() : 0;

    /// <summary>A git that was killed while it packed leaves its half pack behind, as large as the whole mirror may be.</summary>
    private void RemoveLeft(GitMirror mirror)
    {
        var folder = new DirectoryInfo(mirror.At("objects", "pack"));
        if (!folder.Exists) return;
        foreach (var file in folder.EnumerateFiles().Where(file => file.Name.StartsWith("tmp_", StringComparison.Ordinal) || file.Name.StartsWith(".tmp-", StringComparison.Ordinal)))
            if (clock.GetUtcNow() - new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero) > LeftAge) file.Delete();
    }

    private static int CountPacks(GitMirror mirror) => Directory.Exists(mirror.At("objects", "pack")) ? Directory.EnumerateFiles(mirror.At("objects", "pack"), "*.pack").Count() : 0;

    [LoggerMessage(550, LogLevel.Information, "The mirror of {Repository} was packed.")]
    private partial void LogPacked(string repository);
}
