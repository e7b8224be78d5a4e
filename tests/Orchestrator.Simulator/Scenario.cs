using Orchestrator.Grains.AgentTasks;

namespace Orchestrator.Simulator;

/// <summary>Numbers that look random and follow from a seed: SplitMix64.</summary>
internal sealed class SeededNumbers(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        return Scramble(_state);
    }

    /// <summary>0 to <paramref name="count"/> - 1.</summary>
    public int Below(int count) => (int)(Next() % (ulong)count);

    public T Of<T>(params ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    public static ulong Scramble(ulong number)
    {
        number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
        number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
        return number ^ (number >> 31);
    }
}

/// <summary>A task that clients may send.</summary>
/// <param name="TaskId">Its id.</param>
/// <param name="Json">The request.</param>
/// <param name="AgentType">Decides what the result must carry.</param>
/// <param name="CanResume">Whether its agent can.</param>
/// <param name="WorkerType">Its account.</param>
internal sealed record SimulatedTask(string TaskId, string Json, string? AgentType, bool CanResume, string WorkerType);

/// <summary>What stays the same while one seed is simulated.</summary>
internal sealed record Scenario
{
    private static readonly int[] LimitSeconds = [30, 120, 600, 1800];

    public required ulong Seed { get; init; }

    public required IReadOnlyList<SimulatedTask> Tasks { get; init; }

    public required int Slots { get; init; }

    public required int QueueLimit { get; init; }

    /// <summary>0: as many as there are.</summary>
    public required int RepositorySlots { get; init; }

    public required TimeSpan QueueTtl { get; init; }

    public required bool ResumeAfterLoss { get; init; }

    public required WorktreeKeep WorktreeKeep { get; init; }

    public required bool IsSerialized { get; init; }

    /// <summary>How likely each kind of decision is.</summary>
    public required IReadOnlyList<int> Weights { get; init; }

    public required int DecisionCount { get; init; }

    /// <summary>The longest time limit of its tasks.</summary>
    public required TimeSpan TimeLimitMax { get; init; }

    public SimulatedTask TaskOf(string taskId) => Tasks.First(task => task.TaskId == taskId);

    public static Scenario Of(ulong seed)
    {
        var numbers = new SeededNumbers(seed * 2654435761 + 1);
        var count = 1 + numbers.Below(8);
        return new()
        {
            Seed = seed,
            Tasks = [.. Enumerable.Range(1, count).Select(i => TaskOf(i, numbers))],
            Slots = 1 + numbers.Below(3),
            QueueLimit = numbers.Of(0, 1, 2, 1000, 1000),
            RepositorySlots = numbers.Of(0, 0, 1),
            QueueTtl = TimeSpan.FromMinutes(numbers.Of(2, 10, 60)),
            ResumeAfterLoss = numbers.Below(4) != 0,
            WorktreeKeep = numbers.Of(WorktreeKeep.Always, WorktreeKeep.Failed, WorktreeKeep.Never),
            IsSerialized = numbers.Below(8) == 0,
            // Each seed has only some kinds of trouble, and these more often: together they hide each other.
            Weights = [.. Decision.Weights.Select((weight, kind) => kind <= (int)DecisionKind.Post || numbers.Below(3) != 0 ? weight * (1 + numbers.Below(3)) : 0)],
            DecisionCount = 20 + numbers.Below(120),
            TimeLimitMax = TimeSpan.FromSeconds(LimitSeconds[^1]),
        };
    }

    private static SimulatedTask TaskOf(int index, SeededNumbers numbers)
    {
        var id = $"t{index}";
        var others = Enumerable.Range(1, index - 1).Where(_ => numbers.Below(8) == 0).Select(other => $"\"t{other}\"").ToList();
        var agentType = numbers.Of<string?>(null, null, "execution", "planning", "pull_request");
        var branch = numbers.Of<string?>(null, null, null, "shared-1", "shared-2", index > 1 ? $"task/t{1 + numbers.Below(index - 1)}" : null);
        var workerType = numbers.Of("opus", "opus", "codex");
        var json = $$"""
            {"taskId":"{{id}}","workerType":"{{workerType}}","prompt":"p","webhookUrl":"http://r/h","webhookSecret":"s","repository":"acme/{{numbers.Of("web", "api")}}","timeoutSeconds":{{LimitSeconds[numbers.Below(LimitSeconds.Length)]}},"priority":{{numbers.Below(3)}}
            {{(agentType is null ? "" : $",\"agentType\":\"{agentType}\"")}}{{(branch is null ? "" : $",\"continuationPrBranch\":\"{branch}\"")}}{{(others.Count == 0 ? "" : $",\"dependsOn\":[{string.Join(',', others)}]")}}{{(numbers.Below(3) == 0 ? ",\"budget\":{\"maxCostUsd\":2,\"maxTurns\":9}" : "")}}}
            """;
        return new(id, json, agentType, numbers.Below(3) != 0, workerType);
    }
}
