namespace Orchestrator.Silo.Machines.Git;

/// <summary>Files that are either wholly there or as they were before, whatever is killed meanwhile.</summary>
internal static class DurableFile
{
    /// <summary>Writes beside, flushes to the disk, renames. Readable by this user only.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content, bool mustFlush = true)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var beside = $"{path}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using (var stream = new FileStream(beside, options))
            {
                stream.Write(content);
                if (mustFlush) stream.Flush(flushToDisk: true);
            }

            File.Move(beside, path, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }
}
