using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Callbacks;

internal static class CompletionPayload
{
    public static string Write(string taskId, AgentTaskStatus status, TaskResult? result, TaskError? error, long durationMilliseconds, bool isResumedCompletion) => "{}";
}
