using Orchestrator.Torture.Checking;

namespace Orchestrator.Torture.Tests.Checking;

/// <summary>The checker finds what it is there for: good evidence, doctored in one place each time.</summary>
public sealed class CheckerTests
{
    private const string Sha = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9";

    private static Evidence Good { get; } = new()
    {
        Plans = [new("a", ["completed"], Sha), new("b", ["failed"], null), new("c", ["completed"], null)],
        Acknowledgements = [new(Word.Accepted, "a", 202), new(Word.Unknown, "a", 0), new(Word.Unknown, "b", 0), new(Word.Accepted, "c", 202), new(Word.Cancelled, "c", 200), new(Word.Refused, "d", 503)],
        Agents =
        [
            Start("a", 1, 10, 1.0), Commit("a", 1, 10, 1.5, "c0ffee"), new("end", "a", 1, 10, 2.0, "0"),
            Start("b", 1, 11, 1.2), new("end", "b", 1, 11, 1.9, "3"), Start("b", 2, 12, 3.0), new("end", "b", 2, 12, 3.5, "3"),
            Start("c", 1, 13, 2.0),
        ],
        Deliveries =
        [
            new("a", "a-r1-completed", "completed", "{1}", 503), new("a", "a-r1-completed", "completed", "{1}", 200), new("b", "b-r1-completed", "failed", "{2}", 200),
            new("c", "c-r1-completed", "cancelled", "{3}", 200),
        ],
        Violations = [],
        Seen = [new("a", "completed", "ended", null, 1, "{}")],
        Tasks = [new("a", "completed", "ended", null, 1, "{}"), new("b", "failed", "ended", "AGENT_FAILED", 2, null), new("c", "cancelled", "ended", null, 1, null)],
        Capacity = 2,
        Available = 2,
        StartsMax = 2,
        Leftovers = [],
        Leaks = [],
        Reachable = new HashSet<string>(["c0ffee"], StringComparer.Ordinal),
    };

    [Fact]
    public void Good_evidence_is_good() => Assert.Empty(Checker.Check(Good));

    public static TheoryData<string> Doctored => new(Cases.Select(each => each.Name));

    [Theory]
    [MemberData(nameof(Doctored))]
    public void Doctored_evidence_is_found_out(string name)
    {
        var (_, invariant, doctor) = Cases.Single(each => each.Name == name);
        Assert.Contains(Checker.Check(doctor(Good)), finding => finding.Invariant == invariant);
    }

    private static readonly (string Name, string Invariant, Func<Evidence, Evidence> Doctor)[] Cases =
    [
        ("an acknowledged task is not known", "I1", good => good with { Tasks = [.. good.Tasks.Skip(1)] }),
        ("a refused task is known", "I1", good => good with { Tasks = [.. good.Tasks, new("d", "completed", "ended", null, 1, null)] }),
        ("a callback of a task that nobody knows", "I1", good => good with { Deliveries = [.. good.Deliveries, new("x", "x-r1-completed", "failed", "{}", 200)] }),
        ("one id twice", "I2", good => good with { Tasks = [.. good.Tasks, good.Tasks[0]] }),
        ("an attempt that starts while something of the last one lives", "I3", good => Line(good, 5, line => line with { Detail = $"twin:{Sha}" })),
        ("an attempt that starts twice", "I3", good => good with { Agents = [.. good.Agents, Start("a", 1, 99, 9)] }),
        ("an attempt that starts before the last one has ended", "I3", good => Line(good, 5, line => line with { At = 1.8 })),
        ("a second agent where there is no reason for one", "I3", good => good with { StartsMax = 1 }),
        ("more agents than slots", "I4", good => good with { Capacity = 1, Available = 1 }),
        ("a slot that is not free", "I4", good => good with { Available = 1 }),
        ("a process that is left", "I5", good => good with { Leftovers = ["process 7"] }),
        ("an end that was never delivered", "I6", good => good with { Deliveries = [.. good.Deliveries.Where(delivery => delivery.TaskId != "b")] }),
        ("an end that was only refused", "I6", good => good with { Deliveries = [.. good.Deliveries.Where(delivery => delivery.TaskId != "a" || delivery.Answer != 200)] }),
        ("one id with two bodies", "I6", good => good with { Deliveries = [.. good.Deliveries, good.Deliveries[1] with { Body = "{9}" }] }),
        ("runs out of order", "I6", good => good with { Deliveries = [.. good.Deliveries, new("b", "b-r2-completed", "failed", "{}", 200), good.Deliveries[2]] }),
        ("a callback that says something else", "I7", good => good with { Deliveries = [.. good.Deliveries.Where(delivery => delivery.TaskId != "b"), good.Deliveries[2] with { TaskStatus = "completed" }] }),
        ("an end that changed", "I7", good => good with { Seen = [good.Seen[0] with { Status = "failed" }] }),
        ("a result that changed", "I7", good => good with { Seen = [good.Seen[0] with { Result = "{\"commits\":1}" }] }),
        ("a cancelled task that completed", "I7", good => Task(good, 2, task => task with { Status = "completed" })),
        ("a task that has not ended", "I8", good => Task(good, 0, task => task with { Status = "running", Phase = "running" })),
        ("a callback that is still owed", "I8", good => Task(good, 0, task => task with { Phase = "owing" })),
        ("a secret in a file", "I9", good => good with { Leaks = ["the dispatch secret is in the log."] }),
        ("a commit that is gone", "I10", good => good with { Reachable = new HashSet<string>(StringComparer.Ordinal) }),
        ("another prompt", "prompt", good => Line(good, 0, line => line with { Detail = "alone:00" })),
        ("a task that failed without a reason", "outcome", good => Task(good, 0, task => task with { Status = "failed" })),
        ("a task that completed without an agent", "outcome", good => good with { Agents = [.. good.Agents.Where(line => line.TaskId != "a")] }),
        ("a callback with a wrong signature", "callback", good => good with { Violations = ["X-Request-Signature is wrong."] }),
    ];

    [Fact]
    public void A_cancel_over_which_the_service_died_may_have_come_or_not()
    {
        var unsure = Good with { Acknowledgements = [.. Good.Acknowledgements.Where(word => word.Word != Word.Cancelled), new(Word.CancelUnknown, "c", 0)] };
        Assert.Empty(Checker.Check(unsure));
    }

    [Fact]
    public void A_line_that_is_being_written_is_passed_by() => Assert.Null(AgentLine.Parse("start a 1 17"));

    private static AgentLine Start(string task, int attempt, int pid, double at) => new("start", task, attempt, pid, at, $"alone:{Sha}");

    private static AgentLine Commit(string task, int attempt, int pid, double at, string id) => new("commit", task, attempt, pid, at, id);

    private static Evidence Line(Evidence good, int index, Func<AgentLine, AgentLine> change) =>
        good with { Agents = [.. good.Agents.Select((line, at) => at == index ? change(line) : line)] };

    private static Evidence Task(Evidence good, int index, Func<TaskFacts, TaskFacts> change) =>
        good with { Tasks = [.. good.Tasks.Select((task, at) => at == index ? change(task) : task)] };
}
