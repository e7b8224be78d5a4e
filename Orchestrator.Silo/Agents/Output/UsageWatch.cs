using System.Buffers;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Reads what an agent that still runs says it has used, from where it stopped reading the last time. Not for several threads at once.</summary>
internal interface IUsageWatch
{
    /// <summary>What it has used by its results so far; null: there was none yet.</summary>
    AgentUsage? Read();
}

/// <summary>The <c>result</c> events of Claude Code's <c>stream-json</c>. Every byte of the file is read once; only lines that may be results are parsed.</summary>
internal sealed class UsageWatch(string eventsPath) : IUsageWatch
{
    private const int ChunkBytes = 64 * 1024;
    private readonly StreamJsonUsage _usage = new();
    private readonly ArrayBufferWriter<byte> _line = new(256);
    private long _offset;
    private bool _isTooLong, _hasResult;

    /// <summary>As it stands in the file: a JSON string in a JSON string.</summary>
    private static ReadOnlySpan<byte> Result => "\\\"result\\\""u8;

    public AgentUsage? Read()
    {
        if (File.Exists(eventsPath)) ReadOn();
        return _hasResult ? _usage.Total : null;
    }

    private void ReadOn()
    {
        using var file = new FileStream(eventsPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        if (file.Length <= _offset) return;
        file.Position = _offset;
        var chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (int count; (count = file.Read(chunk, 0, ChunkBytes)) > 0; _offset += count) Add(chunk.AsSpan(0, count));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var part = end < 0 ? bytes : bytes[..end];
            _isTooLong = _isTooLong || _line.WrittenCount + part.Length > SessionEventLines.LineBytesMax;
            if (!_isTooLong) _line.Write(part);
            if (end < 0) return;
            if (!_isTooLong && _line.WrittenSpan.IndexOf(Result) >= 0) AddLine(_line.WrittenSpan);
            _line.ResetWrittenCount();
            _isTooLong = false;
            bytes = bytes[(end + 1)..];
        }
    }

    private void AddLine(ReadOnlySpan<byte> line)
    {
        try
        {
            if (JsonSerializer.Deserialize(line, SessionJsonContext.Default.SessionEvent) is not { Source: "out", Text: { } text }) return;
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.Text("type") != "result") return;
            _usage.AddResult(document.RootElement);
            _hasResult = true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // Cut, or not of the agent's making: what it used is read again, whole, when it has ended.
        }
    }
}
