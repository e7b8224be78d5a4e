using System.Text.Json;
using Orchestrator.Contracts.Callbacks;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Callbacks;

/// <summary>The body of a completion callback: contract.md §3.</summary>
internal static class CompletionPayload
{
    private static readonly string[] Leading = ["prUrl", "ciFailed"];
    private static readonly string[] Own = ["branch", "commits", "summary", "partialWork", "commitDetails", "costUsd"];

    /// <summary>The exact text that is signed and sent.</summary>
    /// <param name="taskId">The task.</param>
    /// <param name="status">How its run ended.</param>
    /// <param name="result">What it brought; null: nothing, which a completed run cannot be.</param>
    /// <param name="error">Why it failed; null unless it did.</param>
    /// <param name="durationMilliseconds">Since the agent's first start; 0 when it never started.</param>
    /// <param name="isResumedCompletion">Whether the run was asked for after the task's first end.</param>
    /// <exception cref="ArgumentException">The status is no end, or does not go with result and error.</exception>
    public static string Write(
        string taskId, AgentTaskStatus status, TaskResult? result, TaskError? error, long durationMilliseconds, bool isResumedCompletion)
    {
        if (status == AgentTaskStatus.Completed && result is null) throw new ArgumentException("A completed run has a result.", nameof(result));
        if (status == AgentTaskStatus.Failed && error is null) throw new ArgumentException("A failed run has an error.", nameof(error));
        if (status is AgentTaskStatus.Queued or AgentTaskStatus.Running) throw new ArgumentException($"A run does not end as {status}.", nameof(status));
        return new JavaScriptObject()
            .Add("taskId", taskId)
            .Add("status", WireNames.Of(status))
            .Add("result", result is null ? null : Result(result))
            .Add("error", error is null ? null : Error(error))
            .Add("duration", Math.Max(0, durationMilliseconds))
            .Add("resumedCompletion", isResumedCompletion ? true : (bool?)null)
            .ToString();
    }

    private static JavaScriptObject Result(TaskResult result)
    {
        using var document = result.ReportedJson is null ? null : JsonDocument.Parse(result.ReportedJson);
        var reported = document is null ? [] : document.RootElement.EnumerateObject().ToList();
        var json = new JavaScriptObject().Add("branch", result.Branch).Add("commits", result.Commits).Add("summary", result.Summary);
        foreach (var name in Leading)
        {
            foreach (var member in reported.Where(member => member.NameEquals(name))) json.Add(name, member.Value);
        }

        json.Add("partialWork", result.PartialWork ? true : (bool?)null);
        foreach (var member in reported.Where(member => !Leading.Contains(member.Name) && !Own.Contains(member.Name))) json.Add(member.Name, member.Value);
        if (result.CommitDetails.Count > 0) json.Add("commitDetails", result.CommitDetails.Select(Commit));
        return json.Add("costUsd", result.CostUsd is { } cost && double.IsFinite(cost) ? cost : null);
    }

    private static JavaScriptObject Commit(CommitDetail commit) => new JavaScriptObject().Add("sha", commit.Sha).Add("message", commit.Message);

    private static JavaScriptObject Error(TaskError error) => new JavaScriptObject()
        .Add("code", error.Code)
        .Add("message", error.Message)
        .Add("remediation", new JavaScriptObject()
            .Add("action", error.Remediation.Action)
            .Add("retryAfter", error.Remediation.RetryAfterSeconds)
            .Add("manualSteps", error.Remediation.ManualSteps)
            .Add("worktreePath", error.Remediation.WorktreePath));
}
