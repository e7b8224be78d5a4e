using System.Text.Json;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Git;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>
/// Where things go that are in the way or belong to nobody, and must not be deleted: <c>quarantine/&lt;time&gt;-&lt;number&gt;-&lt;name&gt;/</c> with the thing itself and <c>about.json</c>. When the thing is on
/// another disk than the home, <c>~quarantine</c> beside it: a thing is moved by its name, never copied.
/// </summary>
internal sealed class Quarantine(OrchestratorHome home, TimeProvider clock)
{
    /// <summary>No task, owner or socket folder has such a name.</summary>
    public const string Beside = "~quarantine";

    private const string About = "about.json";
    private const int NameCharsMax = 50;

    /// <summary>An entry whose thing has not come is one that a killed service began, once it is this old.</summary>
    private static readonly TimeSpan EmptyAge = TimeSpan.FromHours(1);

    /// <summary>Moves something out of the way.</summary>
    /// <param name="item">What it is.</param>
    /// <param name="path">The file, folder or link; not followed.</param>
    /// <param name="others">What belongs to it and is elsewhere; moved first, left out when it is not there.</param>
    /// <returns>Where it is now.</returns>
    /// <exception cref="IOException">It cannot be moved.</exception>
    public string Put(QuarantineItem item, string path, params string[] others)
    {
        foreach (var other in others.Where(Exists)) Move(item with { Why = $"{item.Why} It belongs to {path}." }, other);
        return Move(item, path);
    }

    /// <summary>All that is there, oldest first.</summary>
    public IReadOnlyList<QuarantineEntry> List() =>
        [.. Roots().Where(Directory.Exists).SelectMany(Directory.EnumerateFileSystemEntries).Select(Read).OfType<QuarantineEntry>().OrderBy(entry => entry.MovedAt).ThenBy(entry => entry.Id, StringComparer.Ordinal)];

    /// <summary>Deletes an entry for good. Repeatable.</summary>
    public static void Remove(QuarantineEntry entry)
    {
        // The note last: as long as anything of the thing is there, it says what that is.
        foreach (var part in Directory.EnumerateFileSystemEntries(entry.Path).Where(part => Path.GetFileName(part) != About)) FolderRemoval.Remove(part);
        FolderRemoval.Remove(entry.Path);
    }

    /// <summary>Removes the entries that a killed service began and whose things stayed where they were.</summary>
    /// <returns>Those that could not be removed, and why, for people.</returns>
    public IReadOnlyList<string> RemoveEmpty()
    {
        var troubles = new List<string>();
        foreach (var folder in Roots().Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories))
        {
            var note = new FileInfo(Path.Combine(folder, About));
            try
            {
                if (note.Exists && clock.GetUtcNow() - new DateTimeOffset(note.LastWriteTimeUtc, TimeSpan.Zero) > EmptyAge && Directory.EnumerateFileSystemEntries(folder).Take(2).Count() == 1) RemoveEmpty(folder);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                troubles.Add($"{folder}: {exception.Message}");
            }
        }

        return troubles;
    }

    /// <summary>Its thing may come at this moment: then the folder stays.</summary>
    private static void RemoveEmpty(string folder)
    {
        File.Delete(Path.Combine(folder, About));
        Directory.Delete(folder, recursive: false);
    }

    private string Move(QuarantineItem item, string path)
    {
        try
        {
            return Move(item, path, home.QuarantinePath);
        }
        catch (IOException) when (Exists(path))
        {
            // What git keeps in a mirror must have no folder of ours between its own.
            var isInMirror = path.StartsWith(home.RepositoriesPath + "/", StringComparison.Ordinal);
            return Move(item, path, Path.Combine(isInMirror ? home.RepositoriesPath : Path.GetDirectoryName(path)!, Beside));
        }
    }

    private string Move(QuarantineItem item, string path, string root)
    {
        var now = clock.GetUtcNow();
        var name = Path.GetFileName(path);
        var folder = Path.Combine(root, $"{now:yyyyMMddHHmmss}-{Guid.NewGuid():N}"[..23] + $"-{(name.Length > NameCharsMax ? name[..NameCharsMax] : name)}");
        DurableFile.CreateFolder(folder);
        try
        {
            DurableFile.Write(Path.Combine(folder, About), JsonSerializer.SerializeToUtf8Bytes(item with { From = path, MovedAt = now }, QuarantineJson.Default.QuarantineItem));
            var target = Path.Combine(folder, name);
            if (new FileInfo(path).LinkTarget is { } link) MoveLink(path, link, target);
            else if (Directory.Exists(path)) Directory.Move(path, target);
            else File.Move(path, target);
            return target;
        }
        catch
        {
            FolderRemoval.Remove(folder);
            throw;
        }
    }

    /// <summary>.NET does not rename links that lead nowhere.</summary>
    private static void MoveLink(string path, string link, string target)
    {
        File.CreateSymbolicLink(target, link);
        File.Delete(path);
    }

    private IEnumerable<string> Roots() =>
    [
        home.QuarantinePath,
        .. ((string[])[home.WorktreesPath, home.SessionsPath, home.SocketsPath, home.RepositoriesPath]).Select(folder => Path.Combine(folder, Beside)),
    ];

    /// <summary>An entry without a note is one of an earlier release: whatever it is, it is not saved.</summary>
    private QuarantineEntry? Read(string folder)
    {
        var id = Path.GetFileName(folder);
        try
        {
            if (File.Exists(Path.Combine(folder, About)))
            {
                if (JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(folder, About)), QuarantineJson.Default.QuarantineItem) is { } item)
                    return new(id, folder, item, item.MovedAt);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            // Whatever it is, it is there.
        }

        return new(id, folder, new(QuarantineKind.Unknown, id, "There is no note about it."), new DateTimeOffset(Directory.GetLastWriteTimeUtc(folder), TimeSpan.Zero));
    }

    private static bool Exists(string path) => Path.Exists(path) || new FileInfo(path).LinkTarget is not null;
}

/// <summary>One thing in quarantine.</summary>
/// <param name="Id">The name of its folder.</param>
/// <param name="Path">Its folder.</param>
/// <param name="Item">What it is.</param>
/// <param name="MovedAt">UTC.</param>
internal sealed record QuarantineEntry(string Id, string Path, QuarantineItem Item, DateTimeOffset MovedAt);
