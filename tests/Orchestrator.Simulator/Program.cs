using System.Diagnostics;
using Orchestrator.Simulator;

// scripts/simulate.sh hands these on: --seeds N, --from S, --seed N (that one alone, told step by step), --mutant NAME, --coverage.
ulong seeds = 10_000, from = 1;
ulong? only = null;
var (mutant, showsCoverage) = (Mutant.None, false);
for (var i = 0; i < args.Length; i++)
{
    var value = i + 1 < args.Length ? args[i + 1] : "";
    if (args[i] == "--coverage") showsCoverage = true;
    else if (args[i] == "--seeds" && ulong.TryParse(value, out seeds)) i++;
    else if (args[i] == "--from" && ulong.TryParse(value, out from)) i++;
    else if (args[i] == "--seed" && ulong.TryParse(value, out var seed)) (only, i) = (seed, i + 1);
    else if (args[i] == "--mutant" && Enum.TryParse(value, out mutant)) i++;
    else
    {
        Console.Error.WriteLine($"'{args[i]} {value}' is not understood. simulate.sh [--seeds N] [--from S] [--seed N] [--coverage] [--mutant {string.Join('|', Enum.GetNames<Mutant>())}]");
        return 2;
    }
}

if (only is { } alone) return TellOne(alone);
const int FindingsMax = 5;
var (simulation, watch) = (new Simulation(mutant), Stopwatch.StartNew());
using (new Timer(_ => Console.WriteLine($"{simulation.Begun(from)} of {seeds} seeds after {watch.Elapsed:mm\\:ss}"), null, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(10)))
{
    simulation.Run(from, seeds, FindingsMax, Environment.ProcessorCount);
}

var time = watch.Elapsed;
foreach (var finding in simulation.Findings)
{
    Console.WriteLine();
    Console.WriteLine($"seed {finding.Scenario.Seed} breaks {finding.Violation!.Code}: {finding.Violation.Text}");
    Tell(new Shrinker(mutant).Shrink(finding));
}

var coverage = simulation.Coverage;
if (showsCoverage) ShowCoverage(coverage);
Console.WriteLine();
Console.WriteLine(
    $"{simulation.Begun(from)} seeds, {coverage.Steps} steps, {coverage.Crashes} crashes, {coverage.Losses} losses, {simulation.Findings.Count} findings, {time.TotalSeconds:0.0} s");
return simulation.Findings.Count == 0 ? 0 : 1;

int TellOne(ulong seed)
{
    var run = SeedRun.Of(seed, mutant, new Coverage());
    var again = SeedRun.Of(run.Scenario, run.Decisions, mutant, Console.Out);
    Console.WriteLine();
    Console.WriteLine(again.Violation is { } violation ? $"seed {seed} breaks {violation.Code}: {violation.Text}" : $"seed {seed}: every promise was kept.");
    if (again.Violation is null) return 0;
    Console.WriteLine();
    Tell(new Shrinker(mutant).Shrink(run));
    return 1;
}

void Tell(SeedRun shrunk)
{
    var scenario = shrunk.Scenario;
    Console.WriteLine($"{shrunk.Decisions.Count} steps are enough ({scenario.Slots} slots, queue limit {scenario.QueueLimit}, queue TTL {scenario.QueueTtl}, worktrees kept {scenario.WorktreeKeep}, resume after loss {scenario.ResumeAfterLoss}):");
    var last = SeedRun.Of(scenario, shrunk.Decisions, mutant, Console.Out);
    Console.WriteLine($"→ {last.Violation?.Code}: {last.Violation?.Text}");
}

static void ShowCoverage(Coverage coverage)
{
    Console.WriteLine();
    foreach (var (what, count) in coverage.Counts) Console.WriteLine($"{what}: {count}");
    foreach (var effect in Enum.GetValues<Orchestrator.Grains.AgentTasks.AgentTaskEffect>()) Console.WriteLine($"effect {effect}: {coverage.Of(effect)}");
    foreach (var verdict in Enum.GetValues<Orchestrator.Grains.AgentTasks.VerdictKind>()) Console.WriteLine($"verdict {verdict}: {coverage.Of(verdict)}");
}
