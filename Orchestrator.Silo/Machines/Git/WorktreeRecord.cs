using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// What was made, or is about to be: written before git starts, so that after a crash what is there can be compared with what was meant. It lies in the mirror, not in the worktree.
/// </summary>
/// <param name="State">How far it is.</param>
/// <param name="Branch">The branch.</param>
/// <param name="BaseBranch">The branch it started from.</param>
/// <param name="BaseSha">The commit it started from.</param>
internal sealed record WorktreeRecord(WorktreeState State, string Branch, string BaseBranch, string BaseSha)
{
    /// <summary>Reads a task's record; null when there is none, or none that can be read.</summary>
    public static WorktreeRecord? Read(GitMirror mirror, string taskId)
    {
        var path = mirror.RecordPath(taskId);
        if (!File.Exists(path)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), WorktreeRecordJson.Default.WorktreeRecord) is { Branch: not null, BaseBranch: not null, BaseSha: not null } record ? record : null;
        }
        catch (JsonException)
        {
            // Damaged: what is there is treated as half-made, and saved before anything is reset.
            return null;
        }
    }

    /// <summary>
    /// Writes a task's record. <see cref="WorktreeState.Making"/> does not wait for the disk: an intent that a power failure takes back leaves a worktree without a record, which is saved and made again.
    /// A removal that is taken back would make what is missing look like the agent's work.
    /// </summary>
    public void Write(GitMirror mirror, string taskId)
    {
        var path = mirror.RecordPath(taskId);
        DurableFile.CreateFolder(Path.GetDirectoryName(path)!);
        DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, WorktreeRecordJson.Default.WorktreeRecord), isFlushed: State != WorktreeState.Making);
    }

    public static void Remove(GitMirror mirror, string taskId)
    {
        if (File.Exists(mirror.RecordPath(taskId))) File.Delete(mirror.RecordPath(taskId));
    }
}

/// <summary>How far a worktree is. The names are stored.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<WorktreeState>))]
internal enum WorktreeState
{
    /// <summary>Meant, perhaps half made; no agent has been there.</summary>
    Making = 1,

    /// <summary>Made; an agent may work there.</summary>
    Ready = 2,

    /// <summary>All of it is saved; the folder is being removed.</summary>
    Removing = 3,
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(WorktreeRecord))]
internal sealed partial class WorktreeRecordJson : JsonSerializerContext;
