namespace Orchestrator.Torture.Checking;

/// <summary>Judges evidence by the invariants. Pure: the same logs, the same findings.</summary>
internal static class Checker
{
    private static readonly HashSet<string> Ends = new(["completed", "failed", "interrupted", "cancelled"], StringComparer.Ordinal);

    public static IReadOnlyList<Finding> Check(Evidence evidence) =>
    [
        .. Acknowledged(evidence),
        .. OneAgentAtATime(evidence),
        .. WithinCapacity(evidence),
        .. evidence.Leftovers.Select(what => new Finding("I5", $"Left at the end: {what}")),
        .. Slots(evidence),
        .. Delivered(evidence),
        .. Unchanging(evidence),
        .. Outcomes(evidence),
        .. evidence.Leaks.Select(what => new Finding("I9", what)),
        .. WorkKept(evidence),
        .. evidence.Violations.Select(what => new Finding("callback", what)),
    ];

    /// <summary>I1, I8: what was acknowledged is known, and has ended. I2: under its id there is one.</summary>
    private static IEnumerable<Finding> Acknowledged(Evidence evidence)
    {
        var known = evidence.Tasks.ToLookup(task => task.TaskId, StringComparer.Ordinal);
        foreach (var id in evidence.Acknowledgements.Where(word => word.Word is Word.Accepted or Word.Cancelled).Select(word => word.TaskId).Distinct(StringComparer.Ordinal))
        {
            if (!known[id].Any()) yield return new("I1", $"{id} was acknowledged and is not known.");
        }

        foreach (var id in evidence.Acknowledgements.Where(word => word.Word is Word.Refused).Select(word => word.TaskId).Distinct(StringComparer.Ordinal))
        {
            if (known[id].Any() && evidence.Acknowledgements.All(word => word.TaskId != id || word.Word == Word.Refused)) yield return new("I1", $"{id} was refused and is known.");
        }

        foreach (var task in evidence.Tasks)
        {
            if (task.Phase != "ended" || !Ends.Contains(task.Status)) yield return new("I8", $"{task.TaskId} has not ended: {task.Status}, {task.Phase}.");
        }

        foreach (var many in known.Where(tasks => tasks.Count() > 1)) yield return new("I2", $"{many.Key} is there {many.Count()} times.");
    }

    /// <summary>I3: an attempt starts when nothing of the one before it lives, no attempt starts twice, and prompts arrive as they were sent.</summary>
    private static IEnumerable<Finding> OneAgentAtATime(Evidence evidence)
    {
        var prompts = evidence.Plans.Where(plan => plan.PromptSha256 is not null).ToDictionary(plan => plan.TaskId, plan => plan.PromptSha256!, StringComparer.Ordinal);
        foreach (var task in evidence.Agents.GroupBy(line => line.TaskId, StringComparer.Ordinal))
        {
            var starts = task.Where(line => line.Event == "start").ToList();
            foreach (var start in starts.Where(start => start.Detail.StartsWith("twin:", StringComparison.Ordinal)))
                yield return new("I3", $"{task.Key}: attempt {start.Attempt} (pid {start.Pid}) started while something of an earlier one lived.");
            foreach (var twice in starts.GroupBy(start => start.Attempt).Where(same => same.Count() > 1))
                yield return new("I3", $"{task.Key}: attempt {twice.Key} was started {twice.Count()} times.");
            if (starts.Count > evidence.StartsMax) yield return new("I3", $"{task.Key}: {starts.Count} agents were started, where {evidence.StartsMax} is the most that can be explained.");
            foreach (var (end, next) in EndsAndNexts(task, starts))
                if (next.At < end.At) yield return new("I3", $"{task.Key}: attempt {next.Attempt} started {end.At - next.At:0.000} s before attempt {end.Attempt} ended.");
            if (prompts.TryGetValue(task.Key, out var sha))
                foreach (var start in starts.Where(start => start.Attempt == 1 && !start.Detail.EndsWith($":{sha}", StringComparison.Ordinal))) yield return new("prompt", $"{task.Key}: the agent read another prompt ({start.Detail}).");
        }
    }

    private static IEnumerable<(AgentLine End, AgentLine Next)> EndsAndNexts(IEnumerable<AgentLine> task, List<AgentLine> starts) =>
        from end in task
        where end.Event == "end"
        from next in starts
        where next.Attempt == end.Attempt + 1
        select (end, next);

    /// <summary>I4: intervals between start and end, and never more of them at once than there are slots. An agent without an end counts at its start only.</summary>
    private static IEnumerable<Finding> WithinCapacity(Evidence evidence)
    {
        var intervals = evidence.Agents.Where(line => line.Event == "start")
            .Select(start => (start.At, EndAt: evidence.Agents.FirstOrDefault(end => end.Event == "end" && end.Pid == start.Pid && end.TaskId == start.TaskId && end.Attempt == start.Attempt)?.At ?? start.At))
            .ToList();
        var most = intervals.Select(each => intervals.Count(other => other.At <= each.At && each.At < other.EndAt)).DefaultIfEmpty(0).Max();
        if (most > evidence.Capacity) yield return new("I4", $"{most} agents lived at once, with {evidence.Capacity} slots.");
    }

    private static IEnumerable<Finding> Slots(Evidence evidence)
    {
        if (evidence.Available != evidence.Capacity) yield return new("I4", $"{evidence.Available} of {evidence.Capacity} slots are free after the end.");
    }

    /// <summary>I6: every end is delivered, always under the same id with the same body, and runs in their order.</summary>
    private static IEnumerable<Finding> Delivered(Evidence evidence)
    {
        var deliveries = evidence.Deliveries.ToLookup(delivery => delivery.TaskId, StringComparer.Ordinal);
        foreach (var task in evidence.Tasks.Where(task => Ends.Contains(task.Status)))
        {
            if (deliveries[task.TaskId].All(delivery => delivery.Answer is < 200 or >= 300)) yield return new("I6", $"{task.TaskId} is {task.Status}, and nobody was told.");
            else if (deliveries[task.TaskId].Last().TaskStatus != task.Status) yield return new("I7", $"{task.TaskId} is {task.Status}; its last callback said {deliveries[task.TaskId].Last().TaskStatus}.");
        }

        foreach (var task in deliveries)
        {
            foreach (var id in task.GroupBy(delivery => delivery.Id, StringComparer.Ordinal).Where(same => same.Select(delivery => delivery.Body).Distinct(StringComparer.Ordinal).Count() > 1))
                yield return new("I6", $"{id.Key} was sent with different bodies.");
            var order = task.Select(delivery => RunOf(delivery.Id)).ToList();
            if (!order.SequenceEqual(order.Order())) yield return new("I6", $"{task.Key}: its callbacks came out of order: {string.Join(", ", order)}.");
            if (evidence.Tasks.All(known => known.TaskId != task.Key)) yield return new("I1", $"{task.Key} had a callback and is not known.");
        }
    }

    /// <summary>The number between the last <c>-r</c> and the kind.</summary>
    private static int RunOf(string id)
    {
        var from = id.LastIndexOf("-r", StringComparison.Ordinal) + 2;
        return int.TryParse(id.AsSpan(from, Math.Max(0, id.LastIndexOf('-') - from)), out var run) ? run : 0;
    }

    /// <summary>I7: what has ended stays as it ended.</summary>
    private static IEnumerable<Finding> Unchanging(Evidence evidence)
    {
        var last = evidence.Tasks.DistinctBy(task => task.TaskId).ToDictionary(task => task.TaskId, StringComparer.Ordinal);
        foreach (var seen in evidence.Seen)
        {
            if (last.TryGetValue(seen.TaskId, out var now) && (seen.Status, seen.Error, seen.Result) != (now.Status, now.Error, now.Result))
                yield return new("I7", $"{seen.TaskId} was {seen.Status} {seen.Error} and is {now.Status} {now.Error}.");
        }
    }

    /// <summary>Each task ended as its plan or its client wanted.</summary>
    private static IEnumerable<Finding> Outcomes(Evidence evidence)
    {
        var cancelled = evidence.Acknowledgements.Where(word => word.Word == Word.Cancelled).Select(word => word.TaskId).ToHashSet(StringComparer.Ordinal);
        var unsure = evidence.Acknowledgements.Where(word => word.Word == Word.CancelUnknown).Select(word => word.TaskId).ToHashSet(StringComparer.Ordinal);
        var plans = evidence.Plans.DistinctBy(plan => plan.TaskId).ToDictionary(plan => plan.TaskId, StringComparer.Ordinal);
        foreach (var task in evidence.Tasks)
        {
            if (cancelled.Contains(task.TaskId))
            {
                if (task.Status != "cancelled") yield return new("I7", $"{task.TaskId} was cancelled, and is {task.Status}.");
            }
            else if (plans.TryGetValue(task.TaskId, out var plan) && !plan.Statuses.Contains(task.Status, StringComparer.Ordinal) && !(task.Status == "cancelled" && unsure.Contains(task.TaskId)))
            {
                yield return new("outcome", $"{task.TaskId} should be {string.Join(" or ", plan.Statuses)}, and is {task.Status} {task.Error}.");
            }

            if (task.Status == "completed" && evidence.Agents.All(line => line.TaskId != task.TaskId || line.Event != "start")) yield return new("outcome", $"{task.TaskId} is completed without an agent.");
        }
    }

    /// <summary>I10: a commit that an agent has made can still be reached.</summary>
    private static IEnumerable<Finding> WorkKept(Evidence evidence) => evidence.Agents
        .Where(line => line.Event == "commit" && !evidence.Reachable.Contains(line.Detail))
        .Select(line => new Finding("I10", $"{line.TaskId}: commit {line.Detail} of attempt {line.Attempt} cannot be reached from any ref or worktree."));
}
