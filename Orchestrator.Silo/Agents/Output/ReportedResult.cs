using System.Text;
using System.Text.Json;
using Orchestrator.Grains.Callbacks;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Joins what an agent reported in its last words with what it wrote to its result file.</summary>
internal static class ReportedResult
{
    /// <summary>The allowed members as a JSON object; the file's win. Null when there are none.</summary>
    public static string? Merge(JsonElement? block, JsonElement? file)
    {
        var fromBlock = block is null ? null : ReportedMembers.Filter(block.Value);
        var fromFile = file is null ? null : ReportedMembers.Filter(file.Value);
        if (fromBlock is null || fromFile is null) return fromFile ?? fromBlock;
        // Filtered again, as both together are subject to the same limits. The last of two equal names counts.
        var joined = new StringBuilder(fromBlock.Length + fromFile.Length).Append(fromBlock.AsSpan(0, fromBlock.Length - 1)).Append(',').Append(fromFile.AsSpan(1)).ToString();
        using var document = JsonDocument.Parse(joined);
        return ReportedMembers.Filter(document.RootElement);
    }
}
