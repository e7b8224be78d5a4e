using System.Text.Json;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Reads <c>.orchestrator/result.json</c> of a worktree. What an agent left there is not trusted: it could be a link to a file that only the service may read, or a pipe
/// that never ends. Read after the agent's processes are gone, so that nothing changes between question and answer.
/// </summary>
internal static class ResultFile
{
    /// <summary>A larger file is passed by.</summary>
    public const int BytesMax = 256 * 1024;

    /// <summary>Its object; null when there is none, or none that may be read.</summary>
    public static JsonElement? Read(string worktreePath)
    {
        var folder = new DirectoryInfo(Path.Combine(worktreePath, ".orchestrator"));
        var file = new FileInfo(Path.Combine(folder.FullName, "result.json"));
        try
        {
            if (!folder.Exists || folder.LinkTarget is not null || !file.Exists || file.LinkTarget is not null) return null;
            // Pipes and devices have no length, and are not opened.
            if (file.Length is 0 or > BytesMax || !FileOwner.IsOwnRegularFile(file.FullName)) return null;
            using var document = JsonDocument.Parse(File.ReadAllBytes(file.FullName), new JsonDocumentOptions { MaxDepth = 32 });
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // As good as none: nothing that an agent writes may fail its task.
        }
    }
}
