namespace Orchestrator.Silo.Machines.Git;

/// <summary>Removes folders that agents have filled: links are removed and never followed, read-only folders (as Go's module cache has them) are no obstacle.</summary>
internal static class FolderRemoval
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Removes a file, a link or a folder with all that is in it; nothing when it is not there.</summary>
    /// <exception cref="IOException">Something of it could not be removed; or something is mounted there, and nothing was removed.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static void Remove(string path)
    {
        if (!Directory.Exists(path) || new DirectoryInfo(path).LinkTarget is not null)
        {
            // A link that leads nowhere does not exist, but is there.
            if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null) File.Delete(path);
            return;
        }

        if (FindMount(path) is { } mount) throw new IOException($"'{mount}' is mounted there: what is in it is somebody else's.");
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            MakeWritable(path);
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        }
    }

    /// <summary>Something that is mounted at a folder or below it; null: nothing is.</summary>
    public static string? FindMount(string path) =>
        DriveInfo.GetDrives().Select(drive => drive.Name.Length > 1 ? drive.Name.TrimEnd('/') : drive.Name).FirstOrDefault(name => name == path || name.StartsWith(path + "/", StringComparison.Ordinal));

    private static void MakeWritable(string folder)
    {
        if (OperatingSystem.IsWindows() || !Directory.Exists(folder)) return;
        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | Owner);
        foreach (var child in new DirectoryInfo(folder).EnumerateDirectories())
            if (child.LinkTarget is null) MakeWritable(child.FullName);
    }
}
