using System.IO.Compression;
using Orchestrator.Processes;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Files that were compressed once nobody writes them any more: <c>name.gz</c> in place of <c>name</c> (RFC 1952). There is always one of them, and as long as both are there, they say the same.</summary>
internal static class OutputArchive
{
    public const string Suffix = ".gz";

    /// <summary>Compresses it: written aside, flushed, renamed, and only then is the file removed. After a crash at any point it may be called again.</summary>
    /// <returns>False when it is no file of a host's.</returns>
    /// <exception cref="IOException">The disk is full; the file stays.</exception>
    public static async Task<bool> CompressAsync(string path, CancellationToken cancellationToken)
    {
        // A link is an agent's doing: what it leads to is none of ours.
        if (new FileInfo(path).LinkTarget is not null) return false;
        var aside = $"{path}{Suffix}.{Guid.NewGuid():N}.tmp";
        try
        {
            await using (var to = DurableFile.OpenNew(aside))
            {
                await using (var zip = new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true))
                await using (var from = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read))
                    await from.CopyToAsync(zip, cancellationToken);
                to.Flush(flushToDisk: true);
            }

            File.Move(aside, path + Suffix, overwrite: true);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }

        LibC.FlushFolder(Path.GetDirectoryName(path)!);
        File.Delete(path);
        return true;
    }

    /// <summary>How long the file is, bytes, compressed or not; 0 when it is not there.</summary>
    public static long Length(string path)
    {
        var file = new FileInfo(path);
        if (file.Exists) return file.Length;
        try
        {
            // The last four bytes are the length, modulo 2^32; the session host keeps far less.
            using var zip = new FileStream(path + Suffix, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
            Span<byte> length = stackalloc byte[sizeof(uint)];
            if (zip.Length < 18) return 0;
            zip.Seek(-sizeof(uint), SeekOrigin.End);
            zip.ReadExactly(length);
            return System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(length);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return 0;
        }
    }

    /// <summary>Opens the file for reading, compressed or not, even while it is being compressed.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static Stream OpenRead(string path)
    {
        try
        {
            // The session host goes on writing it, and it may be removed meanwhile.
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
        }
        catch (FileNotFoundException)
        {
            return new GZipStream(new FileStream(path + Suffix, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), CompressionMode.Decompress);
        }
    }
}
