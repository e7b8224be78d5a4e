using Microsoft.Extensions.Options;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Silo.Machines.Sessions;
using Orchestrator.Silo.Machines.Terminals;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>
/// What belongs to no task, such as after a database was restored: found, and put aside once nothing holds it. What lives is only told of. Sockets of ended tasks, which belong to somebody, are removed.
/// </summary>
internal sealed partial class Leftovers(
    OrchestratorHome home, KnownTasks tasks, LiveSessions live, TerminalSockets sockets, SessionViews views, StrayWorktrees worktrees, SessionSweep sessions, Quarantine quarantine,
    IOptions<CleanupOptions> options, TimeProvider clock, ILogger<Leftovers> logger)
{
    /// <summary>Everything that belongs to no task and is old enough.</summary>
    public async Task<IReadOnlyList<Leftover>> FindAsync()
    {
        var found = new List<Leftover>();
        foreach (var name in worktrees.Names()) await LookAsync(QuarantineKind.Worktree, name, worktrees.PathOf(name));
        foreach (var path in Entries(home.SessionsPath)) await LookAsync(QuarantineKind.Session, Path.GetFileName(path), path);
        var known = KnownSocketFolders();
        foreach (var path in Entries(home.SocketsPath).Where(path => !known.ContainsKey(Path.GetFileName(path)))) await LookAsync(QuarantineKind.Sockets, Path.GetFileName(path), path);
        return found;

        // Another user's, or a broken one: what nobody can look at is not nobody's, and no reason not to look at the others.
        async Task LookAsync(QuarantineKind kind, string name, string path)
        {
            try
            {
                await AddAsync(kind, name, path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                found.Add(new(kind, name, path, $"it cannot be looked at: {exception.Message}"));
            }
        }

        async Task AddAsync(QuarantineKind kind, string name, string path)
        {
            if (kind == QuarantineKind.Sockets)
            {
                if (IsOld(path)) found.Add(new(kind, name, path, AliveIn(path)));
            }
            else if (IsOld(path, name) && !await tasks.IsKnownAsync(name)) found.Add(new(kind, name, path, FindHolder(kind, name, path)));
        }
    }

    /// <summary>Puts aside what nothing holds, and removes the sockets of ended tasks.</summary>
    public async Task RunAsync(SweepRun run, CancellationToken cancellationToken)
    {
        foreach (var leftover in await FindAsync())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (run.Quarantined.Count == options.Value.RemovalsMax || run.IsTimeOver)
            {
                run.IsCut = true;
                break;
            }

            if (leftover.Alive is { } alive)
            {
                run.HeldLeftovers++;
                run.Kept.Add(new(leftover.Name, $"It belongs to no task, and something holds it: {alive}."));
            }
            // Its age is by a clock that has just been set.
            else if (!run.IsClockSound) run.IsCut = true;
            else if (run.IsDryRun) run.Quarantined.Add(new(leftover.Name, leftover.Path));
            else await PutAsideAsync(leftover, run, cancellationToken);
        }

        foreach (var (folder, taskId) in KnownSocketFolders().Where(known => Directory.Exists(Path.Combine(home.SocketsPath, known.Key))))
        {
            if (!run.IsClockSound || tasks.Find(taskId) is not { } entry || !KnownTasks.IsOver(entry) || !IsOld(Path.Combine(home.SocketsPath, folder)) || live.FindAlive(taskId) is not null) continue;
            run.SocketsRemoved++;
            if (!run.IsDryRun) await views.EndAsync(taskId, () => live.FindHeldLock(taskId) is not null, cancellationToken);
        }
    }

    private async Task PutAsideAsync(Leftover leftover, SweepRun run, CancellationToken cancellationToken)
    {
        const string Why = "It belongs to no task.";
        try
        {
            // Looking took its time, as did those that were put aside before it: the task may have been sent again meanwhile.
            if (!await MayStillAsync()) return;
            if (leftover.Kind == QuarantineKind.Session && TaskRequestRules.IsTaskId(leftover.Name))
                foreach (var session in sessions.SessionsIn(leftover.Path, leftover.Name)) session.ForgetEnvironment();
            var aside = leftover.Kind == QuarantineKind.Worktree
                ? await worktrees.PutAsideAsync(leftover.Name, Why, MayStillAsync, cancellationToken)
                : quarantine.Put(new(leftover.Kind, leftover.Name, Why) { IsSaved = IsProvablyOurs(leftover) }, leftover.Path);
            if (aside is null) return;
            LogPutAside(leftover.Path, aside);
            run.Quarantined.Add(new(leftover.Name, aside));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LogNotPutAside(leftover.Path, exception.Message);
            run.Kept.Add(new(leftover.Name, $"It belongs to no task, and cannot be put aside: {exception.Message}"));
        }

        async Task<bool> MayStillAsync() =>
            (leftover.Kind == QuarantineKind.Sockets ? !KnownSocketFolders().ContainsKey(leftover.Name) && AliveIn(leftover.Path) is null
                : FindHolder(leftover.Kind, leftover.Name, leftover.Path) is null && !await tasks.IsKnownAsync(leftover.Name));
    }

    /// <summary>Sockets hold nothing, and of sessions nothing is left to do but to be read. Whatever else lies where these are is somebody's, and never deleted.</summary>
    private bool IsProvablyOurs(Leftover leftover)
    {
        if (!Directory.Exists(leftover.Path) || new DirectoryInfo(leftover.Path).LinkTarget is not null) return false;
        if (leftover.Kind == QuarantineKind.Sockets) return AreSockets(leftover.Path);
        return TaskRequestRules.IsTaskId(leftover.Name)
            && sessions.SessionsIn(leftover.Path, leftover.Name).Count(session => session.Has(SessionFiles.Launch)) == Directory.EnumerateFileSystemEntries(leftover.Path).Count();
    }

    /// <summary>Whether nothing of it has a content. A link ends the look before it is followed.</summary>
    private static bool AreSockets(string folder) =>
        new DirectoryInfo(folder).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).All(entry => entry.LinkTarget is null && entry is not FileInfo { Length: > 0 });

    /// <summary>What holds it, for people; null: nothing does.</summary>
    private string? FindHolder(QuarantineKind kind, string name, string path) =>
        live.FindAlive(name) ?? Visitor(path) ?? (kind == QuarantineKind.Worktree && !worktrees.IsOurs(name) ? FindUser(name) : null);

    /// <summary>An agent's own worktree is named as the agent likes, and nothing tells which session it is of: it is held as long as one may use it.</summary>
    private string? FindUser(string name)
    {
        if (worktrees.FindElsewhere(name) is { } folder) return $"an agent's own worktree in {folder}";
        if (tasks.FindOpenIn(worktrees.RepositoriesOf(name)) is { } taskId) return $"the agent of task {taskId} may use it";
        return live.FindAnyAlive() is { } alive ? $"an agent may use it: {alive}" : null;
    }

    /// <summary>Names are hashes: those of open tasks, and of all that have a folder.</summary>
    private Dictionary<string, string> KnownSocketFolders()
    {
        if (!Entries(home.SocketsPath).Any()) return [];
        var names = Entries(home.SessionsPath).Select(path => Path.GetFileName(path)).Concat(worktrees.Names()).Where(name => tasks.Find(name) is not null);
        return tasks.Open().Concat(names).Distinct(StringComparer.Ordinal).ToDictionary(name => Path.GetFileName(sockets.FolderOf(name)), StringComparer.Ordinal);
    }

    private static string? AliveIn(string folder)
    {
        if (!Directory.Exists(folder) || new DirectoryInfo(folder).LinkTarget is not null) return null;
        return Directory.EnumerateFiles(folder, "*.sock").FirstOrDefault(TerminalSockets.IsAlive) is { } socket ? $"a terminal at {socket}" : null;
    }

    private static string? Visitor(string path) => LiveSessions.FindVisitor(path) is { } pid ? $"process {pid} works in it" : null;

    private static IEnumerable<string> Entries(string folder) => Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Where(path => !Path.GetFileName(path).StartsWith('~')) : [];

    /// <summary>One from the future, by a clock that was wrong, is new.</summary>
    private bool IsOld(string path) => clock.GetUtcNow() - ChangedAt(path) >= options.Value.LeftoverAgeMin;

    /// <summary>
    /// A folder's own time is that of its first session. What a session said last counts: a database that was restored knows nothing of it, and the task, sent again, goes on from its end instead of running twice.
    /// </summary>
    private bool IsOld(string path, string name)
    {
        var folder = Path.Combine(home.SessionsPath, name);
        if (!Directory.Exists(folder)) return IsOld(path);
        var signs = Directory.EnumerateDirectories(folder).SelectMany(session => (string[])[session, Path.Combine(session, SessionFiles.Exit), Path.Combine(session, SessionFiles.Events)]);
        return clock.GetUtcNow() - signs.Append(folder).Append(path).Where(Path.Exists).Select(ChangedAt).Max() >= options.Value.LeftoverSessionAgeMin;
    }

    private static DateTimeOffset ChangedAt(string path) => new(new FileInfo(path).LastWriteTimeUtc, TimeSpan.Zero);

    [LoggerMessage(510, LogLevel.Warning, "{Path} belongs to no task; it is now {Aside}")]
    private partial void LogPutAside(string path, string aside);

    [LoggerMessage(511, LogLevel.Warning, "{Path} belongs to no task and cannot be put aside: {Reason}")]
    private partial void LogNotPutAside(string path, string reason);
}

/// <summary>Something that belongs to no task.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">The name of its folder.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Alive">What holds it, for people; null: nothing does.</param>
internal sealed record Leftover(QuarantineKind Kind, string Name, string Path, string? Alive);
