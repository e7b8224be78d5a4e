using System.Globalization;
using Orchestrator.Torture;
using Orchestrator.Torture.Parts;
using Orchestrator.TortureTarget;

var parts = new Dictionary<string, Func<TortureReport, Task>>(StringComparer.Ordinal)
{
    ["kills"] = report => new KillCycles(Option("seed", 1), Option("cycles", 300), Option("places", 4)).RunAsync(report),
    ["points"] = report => new PointTable(Option("seed", 1), Option("seeds", 1), Targets(), Option("places", 4)) { Only = Text("point")?.Split(',') ?? [] }.RunAsync(report),
    ["cancels"] = report => new CancelRun(Option("seed", 1), Option("cycles", 100), AtOnce: 8).RunAsync(report),
    ["prompts"] = report => new PromptRun(Option("seed", 1), Option("cycles", 1_000), AtOnce: 4).RunAsync(report),
    ["callbacks"] = report => new CallbackRun(Option("seed", 1), Option("cycles", 1_000), FailuresPercent: 30, Kills: 5).RunAsync(report),
    ["git"] = report => new GitRun(Option("cycles", 200)).RunAsync(report),
    ["adoption"] = report => new AdoptionRun(Agents: 8, Rounds: Option("cycles", 5)).RunAsync(report),
    ["fuzz"] = report => new FuzzRun(Option("seed", 1), Option("cycles", 1_000_000)).RunAsync(report),
};

var names = args.TakeWhile(arg => !arg.StartsWith("--", StringComparison.Ordinal)).ToList();
if (names.Count == 0) names.AddRange(parts.Keys);
if (names.FirstOrDefault(name => !parts.ContainsKey(name)) is { } unknown)
{
    await Console.Error.WriteLineAsync($"There is no part '{unknown}'; there are {string.Join(", ", parts.Keys)}.");
    return 2;
}

var found = 0;
foreach (var name in names)
{
    var report = new TortureReport(name, Console.WriteLine);
    await parts[name](report);
    found += report.Findings.Count;
}

Console.WriteLine($"{found} findings");
return Math.Min(found, 100);

IReadOnlyList<FailTarget> Targets() => [.. (Text("targets") ?? "service,tmux,both,host").Split(',').Select(target => Enum.Parse<FailTarget>(target, ignoreCase: true))];

string? Text(string name) => Array.IndexOf(args, "--" + name) is var at and >= 0 ? args[at + 1] : null;

int Option(string name, int otherwise) => Text(name) is { } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;
