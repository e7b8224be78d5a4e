using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.AgentTasks;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>Bodies of POST /tasks: what is taken keeps the contract's rules, and means the same when it is read again.</summary>
internal static class RequestFuzz
{
    private const string Good =
        """
        {"taskId":"task-1","workerType":"script","prompt":"Make it so: é 😀 \u00e9 \"x\"","webhookUrl":"https://example.com/a/task-complete","webhookSecret":"s3cret","repository":"acme/web","baseBranch":"main",
        "linearIssueId":"L-1","linearIssueLabels":["a","b"],"slug":"x","hasChildren":true,"agentType":"execution","prNumber":7,"continuationPrNumber":8,"continuationPrBranch":"feature/x","reviewTypes":["code"],
        "timeoutHours":2,"sentryIssue":{"id":1,"n":[null,1.5e3]},"executionMemoryContext":{"k":{"z":1,"a":[]}},"priority":-5,"budget":{"maxCostUsd":1.25,"maxTurns":30},
        "environment":{"FOO":"bar"},"traceId":"t"}
        """;

    private static readonly TaskRequestContext Context = new(["auto", "script"], name => name == "FOO", true, _ => null);

    /// <summary>Whether the request that is spoiled is a good one.</summary>
    public static bool TakesGood() => TaskRequestValidation.Read(Encoding.UTF8.GetBytes(Good), Context).Request is not null;

    public static string? Try(Random random)
    {
        var body = Mutations.Spoil(Encoding.UTF8.GetBytes(Good), random);
        var reading = TaskRequestValidation.Read(body, Context);
        if (reading.Request is not { } request) return string.IsNullOrEmpty(reading.Error) ? $"No request and no error for {Encoding.UTF8.GetString(body)}" : null;
        if (Broken(request) is { } rule) return $"{rule} is broken by {Encoding.UTF8.GetString(body)}";

        // What is stored is read again when a session starts, and has the same meaning for a repeated POST.
        var json = JsonSerializer.Serialize(request, TaskRequestJsonContext.Default.TaskRequest);
        var again = TaskRequestValidation.Read(Encoding.UTF8.GetBytes(json), Context).Request;
        if (again is null) return $"What was taken is refused in its own words: {json}";
        if (RequestFingerprint.Compute(again) != RequestFingerprint.Compute(request)) return $"Two fingerprints of {json}";
        return RequestFingerprint.Compute(TaskRequestValidation.Read(body, Context).Request!) == RequestFingerprint.Compute(request) ? null : "Two fingerprints of one body";
    }

    private static string? Broken(TaskRequest request)
    {
        if (!NameFuzz.IsTaskId(request.TaskId)) return "taskId";
        if (request.Repository is { } repository && !NameFuzz.IsRepository(repository)) return "repository";
        if (request.BaseBranch is { } branch && !NameFuzz.IsBranch(branch)) return "baseBranch";
        if (request.ContinuationPrBranch is { } other && !NameFuzz.IsBranch(other)) return "continuationPrBranch";
        if (request.Prompt.Length == 0 || request.Prompt.Contains('\0') || Encoding.UTF8.GetByteCount(request.Prompt) > 256 * 1024) return "prompt";
        if (request.Priority is < -100 or > 100) return "priority";
        if (request.TimeoutHours is < 1 or > 12) return "timeoutHours";
        if (request.PrNumber is < 1 || request.ContinuationPrNumber is < 1) return "a number of a pull request";
        if (request.WorkerType is not ("auto" or "script")) return "workerType";
        return request.WebhookSecret.Length == 0 ? "webhookSecret" : null;
    }
}
