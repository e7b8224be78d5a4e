using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>Worktrees that no task owns to: finds both halves of them, saves what can be saved, and puts them aside.</summary>
internal sealed partial class StrayWorktrees(
    GitRepositories repositories, MirrorSettings settings, Salvage salvage, Quarantine quarantine, LiveSessions sessions, OrchestratorHome home, ILogger<StrayWorktrees> logger)
{
    /// <summary>Mirrors that are there, as <c>owner/name</c>.</summary>
    public IEnumerable<string> Repositories() => Directory.Exists(home.RepositoriesPath)
        ? Directory.EnumerateDirectories(home.RepositoriesPath)
            .Where(owner => !Path.GetFileName(owner).StartsWith('~'))
            .SelectMany(owner => Directory.EnumerateDirectories(owner, "*.git").Select(mirror => $"{Path.GetFileName(owner)}/{Path.GetFileNameWithoutExtension(mirror)}"))
            .Where(TaskRequestRules.IsRepository)
        : [];

    /// <summary>The tasks, or what else they are named after, of which there is a folder or an entry in a mirror.</summary>
    public IReadOnlySet<string> Names()
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        if (Directory.Exists(home.WorktreesPath)) names.UnionWith(Directory.EnumerateFileSystemEntries(home.WorktreesPath).Select(path => Path.GetFileName(path)));
        foreach (var entries in Repositories().Select(name => repositories.Find(name).Mirror.At("worktrees")).Where(Directory.Exists))
            names.UnionWith(Directory.EnumerateDirectories(entries).Select(path => Path.GetFileName(path)));
        names.RemoveWhere(name => name.StartsWith('~'));
        return names;
    }

    /// <summary>Where the folder of a worktree is; when there is none, what git keeps of it.</summary>
    public string PathOf(string name)
    {
        var folder = Path.Combine(home.WorktreesPath, name);
        return Path.Exists(folder) || new FileInfo(folder).LinkTarget is not null ? folder : FindRepository(name)?.Mirror.AdminFolder(name) ?? folder;
    }

    /// <summary>Whether it was made by us; else it is an agent's own, made by its <c>git worktree add</c>, or something else that somebody put there.</summary>
    public bool IsOurs(string name) => MirrorsOf(name).Any(mirror => File.Exists(mirror.RecordPath(name)));

    /// <summary>Repositories that know a worktree of that name, as <c>owner/name</c>.</summary>
    public IReadOnlyCollection<string> RepositoriesOf(string name) => [.. MirrorsOf(name).Select(mirror => mirror.Repository)];

    /// <summary>The folder, not among those of tasks, that a worktree of an agent's own is in, such as inside of its task's; null: there is none.</summary>
    public string? FindElsewhere(string name) => MirrorsOf(name).Select(mirror => new WorktreePlace(mirror, name, Path.Combine(home.WorktreesPath, name)))
        .Where(place => place.IsElsewhere).Select(place => WorktreePlace.FolderOf(place.AdminFolder)).FirstOrDefault(Directory.Exists);

    /// <summary>Saves what can be saved, and moves it to the quarantine. Under the repository's lock.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="why">For people.</param>
    /// <param name="mayStill">Asked last, under the lock, as the wait for it may have been long: whether it still belongs to no task.</param>
    /// <param name="cancellationToken">Ends git.</param>
    /// <returns>Where it is now; null when something still works there.</returns>
    /// <exception cref="IOException">It cannot be moved.</exception>
    public async Task<string?> PutAsideAsync(string name, string why, Func<Task<bool>> mayStill, CancellationToken cancellationToken)
    {
        var path = Path.Combine(home.WorktreesPath, name);
        if (!TaskRequestRules.IsTaskId(name) || FindRepository(name) is not { } repository)
            return await mayStill() && sessions.FindAlive(name) is null ? quarantine.Put(new(QuarantineKind.Worktree, name, why), path) : null;
        using var stay = await repository.EnterAsync(cancellationToken);
        if (!await mayStill() || sessions.FindAlive(name) is not null) return null;
        var place = new WorktreePlace(repository.Mirror, name, path);
        var item = new QuarantineItem(QuarantineKind.Worktree, name, why) { Repository = repository.Mirror.Repository };
        try
        {
            item = await SaveAsync(place, item, cancellationToken);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            // Nothing is removed: it is as safe there as here.
            item = item with { Why = $"{why} It could not be saved: {GitFailures.Describe(exception, repository.Mirror).Message}" };
            LogNotSaved(name, item.Why);
        }

        string[] halves = [place.AdminFolder, repository.Mirror.RecordPath(name)];
        return Path.Exists(path) ? quarantine.Put(item, path, halves) : quarantine.Put(item, place.AdminFolder, halves[1..]);
    }

    private async Task<QuarantineItem> SaveAsync(WorktreePlace place, QuarantineItem item, CancellationToken cancellationToken)
    {
        // A file, or a link that a person may have put there: nothing saves that.
        if (!repositories.IsThere(place.Mirror) || (Path.Exists(place.Path) && !place.HasFolder)) return item;
        await settings.RestoreAsync(place.Mirror, cancellationToken);
        settings.RestoreWorktree(place.Mirror, place.TaskId);
        var record = WorktreeRecord.Read(place.Mirror, place.TaskId);
        var session = LatestSession(place.TaskId);
        var files = new SavedFiles(null, HasRepository: false);
        if (place.HasFolder && record is not { State: WorktreeState.Removing })
        {
            if ((place.Head ?? (record is null ? null : place.Tip(record.Branch) ?? record.BaseSha)) is not { } parent) return item;
            files = await salvage.SaveFilesAsync(place, session, parent, isHalfMade: record is { State: WorktreeState.Making }, cancellationToken);
        }

        var unpushed = await salvage.SaveUnpushedAsync(place, session, record?.Branch, cancellationToken);
        return item with { SavedTo = [.. ((string?[])[files.Ref, unpushed]).OfType<string>()], IsSaved = !files.HasRepository && !place.IsElsewhere };
    }

    /// <summary>Several agents may have given worktrees of their own the same name: what we made comes first.</summary>
    private GitRepository? FindRepository(string name) => MirrorsOf(name).OrderByDescending(mirror => File.Exists(mirror.RecordPath(name))).Select(mirror => repositories.Find(mirror.Repository)).FirstOrDefault();

    private IEnumerable<GitMirror> MirrorsOf(string name) => Repositories().Select(repository => repositories.Find(repository).Mirror)
        .Where(mirror => Directory.Exists(mirror.AdminFolder(name)) || File.Exists(mirror.RecordPath(name)));

    private SessionName LatestSession(string taskId)
    {
        var folder = Path.Combine(home.SessionsPath, taskId);
        var latest = Directory.Exists(folder)
            ? Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path).Split('.')).Where(parts => parts.Length == 2)
                .Select(parts => (Run: Number(parts[0]), Attempt: Number(parts[1]))).Where(session => session is { Run: > 0, Attempt: > 0 }).DefaultIfEmpty((1, 1)).Max()
            : (1, 1);
        return new(taskId, latest.Item1, latest.Item2);
    }

    private static int Number(string text) => int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 0;

    [LoggerMessage(520, LogLevel.Warning, "Worktree {Name} belongs to no task and is put aside unsaved: {Why}")]
    private partial void LogNotSaved(string name, string why);
}
