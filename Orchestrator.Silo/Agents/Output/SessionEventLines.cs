using System.Buffers;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Reads a session's <see cref="SessionFiles.Events"/> without keeping more than one line of it.</summary>
internal static class SessionEventLines
{
    /// <summary>Longer lines are passed by: the session host keeps 1 MiB of a line, which JSON may make six times longer.</summary>
    public const int LineBytesMax = 8 * 1024 * 1024;

    private const int ChunkBytes = 64 * 1024;
    private const byte NewLine = (byte)'\n';

    /// <summary>Its lines in order; cut, broken and overlong ones are left out. None when there is no file.</summary>
    public static IEnumerable<SessionEvent> Read(string sessionFolder)
    {
        var path = Path.Combine(sessionFolder, SessionFiles.Events);
        return File.Exists(path) ? ReadFile(path) : [];
    }

    private static IEnumerable<SessionEvent> ReadFile(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        var line = new ArrayBufferWriter<byte>(ChunkBytes);
        var isTooLong = false;
        try
        {
            for (int count; (count = file.Read(chunk, 0, ChunkBytes)) > 0;)
            {
                for (var start = 0; start < count;)
                {
                    var end = Array.IndexOf(chunk, NewLine, start, count - start);
                    var part = chunk.AsSpan(start, (end < 0 ? count : end) - start);
                    isTooLong = isTooLong || line.WrittenCount + part.Length > LineBytesMax;
                    if (!isTooLong) line.Write(part);
                    start = end < 0 ? count : end + 1;
                    if (end < 0) continue;
                    if (!isTooLong && Parse(line.WrittenSpan) is { } whole) yield return whole;
                    line.ResetWrittenCount();
                    isTooLong = false;
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        // A host that was killed may have left half a line; a whole one without its end counts.
        if (!isTooLong && Parse(line.WrittenSpan) is { } last) yield return last;
    }

    private static SessionEvent? Parse(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty) return null;
        try
        {
            return JsonSerializer.Deserialize(line, SessionJsonContext.Default.SessionEvent) is { Source: not null, Text: not null } read ? read : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Cut by a crash or a full disk (or half a surrogate pair, which is an InvalidOperationException): the other lines still count.
            return null;
        }
    }
}
