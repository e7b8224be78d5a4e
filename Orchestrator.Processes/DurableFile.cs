namespace Orchestrator.Processes;

/// <summary>Writes a file whole or not at all, and for good: temporary file, fsync, rename, fsync of the folder.</summary>
internal static class DurableFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a folder and those above it, for their owner alone. Does nothing when it is there.</summary>
    internal static void CreateFolder(string path)
    {
        // .NET gives the mode to the last folder only, and the usual one to those that it makes on the way.
        if (Directory.Exists(path)) return;
        if (Path.GetDirectoryName(path) is { Length: > 0 } parent) CreateFolder(parent);
        Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
    }

    /// <param name="path">An absolute path; what is there is replaced.</param>
    /// <param name="content">The file's bytes.</param>
    /// <param name="isFlushed">False for what need not survive a loss of power.</param>
    /// <exception cref="IOException">Disk full, folder gone. What was there before stays.</exception>
    internal static void Write(string path, ReadOnlySpan<byte> content, bool isFlushed = true)
    {
        // A name that nobody can foresee: some folders are agents', where a link may have been planted.
        var temporary = $"{path}.{Path.GetRandomFileName()}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 };
        try
        {
            using (var file = new FileStream(temporary, options))
            {
                file.Write(content);
                file.Flush(flushToDisk: isFlushed);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw;
        }

        if (isFlushed) LibC.FlushFolder(Path.GetDirectoryName(path)!);
    }
}
