namespace Orchestrator.Processes;

/// <summary>
/// Keeps room on the disk for a file whose content is known later and must not be lost then: a temporary file of that size is written at once, overwritten in the end, and renamed.
/// </summary>
internal sealed class ReservedFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly string _path, _temporary;

    /// <param name="path">The file's path in the end. What is there is replaced by <see cref="Commit"/>.</param>
    /// <param name="bytes">How much room to keep.</param>
    /// <exception cref="IOException">There is no such room.</exception>
    internal ReservedFile(string path, int bytes)
    {
        (_path, _temporary) = (path, path + ".reserved");
        using var file = Open(FileMode.Create);
        // Written, not only made longer: a file with holes has no room of its own.
        var spaces = new byte[bytes];
        for (var i = 0; i < bytes; i++) spaces[i] = (byte)' ';
        file.Write(spaces);
    }

    /// <summary>Writes it, whole and for good. May be repeated after a failure.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal void Commit(ReadOnlySpan<byte> content)
    {
        using (var file = Open(FileMode.OpenOrCreate))
        {
            file.Write(content);
            file.SetLength(content.Length);
            file.Flush(flushToDisk: true);
        }

        File.Move(_temporary, _path, overwrite: true);
        LibC.FlushFolder(Path.GetDirectoryName(_path)!);
    }

    private FileStream Open(FileMode mode) =>
        new(_temporary, new FileStreamOptions { Mode = mode, Access = FileAccess.Write, UnixCreateMode = OwnerOnly, BufferSize = 0 });
}
