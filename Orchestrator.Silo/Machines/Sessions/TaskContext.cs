using System.Text.Json;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>What an agent may read of its task's request, beside the prompt: all but addresses and secrets of callbacks, and the environment.</summary>
internal static class TaskContext
{
    private static readonly HashSet<string> Allowed = new(StringComparer.Ordinal)
    {
        "taskId", "workerType", "repository", "baseBranch", "linearIssueId", "linearIssueTitle", "linearIssueUrl", "linearIssueLabels", "slug", "actionId", "hasChildren",
        "retriedFrom", "trackingCommentId", "agentType", "prNumber", "continuationPrNumber", "continuationPrBranch", "reviewTypes", "timeoutHours", "timeoutSeconds",
        "sentryIssue", "executionMemoryContext", "priority", "dependsOn", "budget",
    };

    /// <param name="requestJson">JSON of <c>Orchestrator.Contracts.AgentTasks.TaskRequest</c>.</param>
    public static byte[] Write(string requestJson)
    {
        using var request = JsonDocument.Parse(requestJson);
        using var context = new MemoryStream();
        using (var writer = new Utf8JsonWriter(context))
        {
            writer.WriteStartObject();
            foreach (var member in request.RootElement.EnumerateObject().Where(member => Allowed.Contains(member.Name))) member.WriteTo(writer);
            writer.WriteEndObject();
        }

        return context.ToArray();
    }
}
