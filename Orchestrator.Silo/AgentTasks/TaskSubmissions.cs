using System.Text.Json;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>Turns a body into a submission, by what this service can do.</summary>
internal sealed class TaskSubmissions(
    IAgentTable agents, ITaskDependencies dependencies, IOptions<MachineOptions> machine, IOptions<AgentTaskOptions> agentTasks, IWebhookUrlRule webhookUrls)
{
    private const int TraceIdMax = 200;

    /// <param name="body">The raw bytes.</param>
    /// <param name="traceId">The header <c>X-Trace-Id</c>.</param>
    public (TaskRequestReading Reading, AgentTaskSubmission? Submission) Read(ReadOnlyMemory<byte> body, string? traceId)
    {
        var reading = TaskRequestValidation.Read(body, new(
            agents.WorkerTypes, name => AgentEnvironment.IsAllowedToTask(name, machine.Value), agentTasks.Value.DefaultRepository is not null, webhookUrls.Explain)
        {
            FindUnknownTasks = FindUnknownTasks,
        });
        if (reading.Request is not { } request) return (reading, null);
        var json = JsonSerializer.Serialize(request, TaskRequestJsonContext.Default.TaskRequest);
        return (reading, new(json, RequestFingerprint.Compute(request), ReadTraceId(traceId)));
    }

    private List<string> FindUnknownTasks(IReadOnlyList<string> taskIds)
    {
        var known = dependencies.Look(taskIds);
        return [.. taskIds.Where(id => !known.ContainsKey(id))];
    }

    /// <summary>It goes to logs and into a header again, so it is dropped when it is not made for that.</summary>
    private static string? ReadTraceId(string? text) => text is { Length: > 0 and <= TraceIdMax } && text.All(character => character is > ' ' and <= '~') ? text : null;
}
