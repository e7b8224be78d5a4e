using System.Globalization;

namespace Orchestrator.Torture.Checking;

/// <summary>What a client was told.</summary>
internal enum Word
{
    /// <summary>202.</summary>
    Accepted,

    /// <summary>The service died over it: nobody knows.</summary>
    Unknown,

    /// <summary>Certainly not taken.</summary>
    Refused,

    /// <summary>DELETE was answered with 200.</summary>
    Cancelled,

    /// <summary>The service died over a DELETE.</summary>
    CancelUnknown,
}

/// <summary>One answer to the client.</summary>
/// <param name="Word">What it means.</param>
/// <param name="TaskId">The task.</param>
/// <param name="Status">The HTTP status; 0: none.</param>
internal sealed record Acknowledgement(Word Word, string TaskId, int Status);

/// <summary>One line of an agent, written outside of its worktree.</summary>
/// <param name="Event"><c>start</c>, <c>commit</c> or <c>end</c>.</param>
/// <param name="TaskId">The task.</param>
/// <param name="Attempt">From 1.</param>
/// <param name="Pid">The agent's.</param>
/// <param name="At">Seconds since 1970.</param>
/// <param name="Detail">Of a start: <c>alone:sha256</c>, or <c>twin:sha256</c> when something of an earlier attempt lives; the commit's id; the exit code.</param>
internal sealed record AgentLine(string Event, string TaskId, int Attempt, int Pid, double At, string Detail)
{
    /// <summary>Null when the line is cut, as one is that is being written.</summary>
    public static AgentLine? Parse(string line) => line.Split(' ') is [var what, var task, var attempt, var pid, var at, var detail]
        ? new(what, task, int.Parse(attempt, CultureInfo.InvariantCulture), int.Parse(pid, CultureInfo.InvariantCulture), double.Parse(at, CultureInfo.InvariantCulture), detail)
        : null;
}

/// <summary>One request that came to the receiver with good signatures.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Id"><c>webhook-id</c>.</param>
/// <param name="TaskStatus">The end that it tells.</param>
/// <param name="Body">As it came.</param>
/// <param name="Answer">What it was answered with.</param>
internal sealed record Delivery(string TaskId, string Id, string TaskStatus, string Body, int Answer);

/// <summary>A task as GET showed it.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Status">The contract's word.</param>
/// <param name="Phase">The contract's word; <c>owing</c> for one that has ended and owes a callback.</param>
/// <param name="Error"><c>error.code</c>; null: none.</param>
/// <param name="Attempts">How many there were.</param>
/// <param name="Result">The result's JSON; null: none.</param>
internal sealed record TaskFacts(string TaskId, string Status, string Phase, string? Error, int Attempts, string? Result);

/// <summary>What a task was sent for, and how it should end.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Statuses">The ends that are right when nobody cancels it.</param>
/// <param name="PromptSha256">Hexadecimal; null: not looked at.</param>
internal sealed record Plan(string TaskId, IReadOnlyList<string> Statuses, string? PromptSha256);

/// <summary>Everything that is known about one home at the end: three independent logs, and what is left.</summary>
internal sealed record Evidence
{
    public required IReadOnlyList<Plan> Plans { get; init; }

    /// <summary>The client's log.</summary>
    public required IReadOnlyList<Acknowledgement> Acknowledgements { get; init; }

    /// <summary>The agents' log.</summary>
    public required IReadOnlyList<AgentLine> Agents { get; init; }

    /// <summary>The receiver's log.</summary>
    public required IReadOnlyList<Delivery> Deliveries { get; init; }

    /// <summary>What came to the receiver and breaks the contract.</summary>
    public required IReadOnlyList<string> Violations { get; init; }

    /// <summary>Ended tasks, as they were seen at different moments.</summary>
    public required IReadOnlyList<TaskFacts> Seen { get; init; }

    /// <summary>At the end. A task that is not known is missing.</summary>
    public required IReadOnlyList<TaskFacts> Tasks { get; init; }

    public required int Capacity { get; init; }

    /// <summary>Free slots at the end.</summary>
    public required int Available { get; init; }

    /// <summary>Agents started in one run, at most; 1 when nobody touched agents or their hosts.</summary>
    public required int StartsMax { get; init; }

    /// <summary>What is left at the end: processes, sockets, locks, in words.</summary>
    public required IReadOnlyList<string> Leftovers { get; init; }

    /// <summary>Where a secret was seen, in words without it.</summary>
    public required IReadOnlyList<string> Leaks { get; init; }

    /// <summary>Commits that some ref of the mirrors, or a worktree, still reaches.</summary>
    public required IReadOnlySet<string> Reachable { get; init; }
}

/// <summary>Something that must not be.</summary>
/// <param name="Invariant"><c>I1</c> to <c>I10</c> of the reliability page, or another word for what was looked at.</param>
/// <param name="Text">What was seen.</param>
internal sealed record Finding(string Invariant, string Text)
{
    public override string ToString() => $"{Invariant}: {Text}";
}
