using System.Globalization;
using Orchestrator.Testing.Service;
using Orchestrator.Torture.Checking;
using Orchestrator.Torture.Driving;
using Orchestrator.TortureTarget;

namespace Orchestrator.Torture.Parts;

/// <summary>One home that goes through some fail points, one after the other.</summary>
internal sealed record PointHome(int Seed, FailTarget Target, IReadOnlyList<string> Points, TimeSpan HitLimit, TimeSpan EndLimit)
{
    private readonly Random _random = new(Seed);

    /// <param name="report">Takes findings.</param>
    /// <param name="note">Takes the outcome of each point.</param>
    public async Task RunAsync(TortureReport report, Action<string, string> note)
    {
        await using var bed = await TortureBed.StartAsync(Programs.TortureTarget, 2);
        var where = $"seed {Seed}, target {Target}, points {string.Join(' ', Points)}";
        var outcomes = new List<(string Point, string Outcome)>();
        try
        {
            foreach (var point in Points) outcomes.Add((point, await StrikeAsync(bed, point, report)));
            await bed.Service.KillAsync();
            await bed.Service.StartAgainAsync(("FAIL_POINT", ""), ("FAIL_TRACE", ""), ("WORKTREE_KEEP", "always"));
            foreach (var spec in bed.Specs.Where(spec => spec.Kind == "stubborn")) await bed.CancelAsync(spec.TaskId);
            var evidence = await bed.SettleAsync(EndLimit, startsMax: 2);
            var findings = Checker.Check(evidence).Concat(Target == FailTarget.Host ? [] : UnexplainedStarts(evidence)).ToList();
            foreach (var finding in findings) report.Add(finding, where);
            if (findings.Count > 0) Keep.Logs(bed, $"points-{Seed}-{Target}", report);
            foreach (var (point, outcome) in outcomes)
            {
                var ends = evidence.Tasks.Where(task => IdOf(point) == task.TaskId.Split("--")[0]).Select(task => task.Status);
                note(point, $"{outcome}: {string.Join('+', ends.DefaultIfEmpty("not taken"))}{(findings.Any(finding => finding.Text.Contains(IdOf(point), StringComparison.Ordinal)) ? " WRONG" : "")}");
            }
        }
        catch (Exception exception) when (exception is TimeoutException or InvalidOperationException or HttpRequestException)
        {
            report.Add(new("driver", exception.Message), where);
            Keep.Logs(bed, $"points-{Seed}-{Target}", report);
        }
    }

    /// <summary>Only where a host was killed on purpose, a second agent is right.</summary>
    private static IEnumerable<Finding> UnexplainedStarts(Evidence evidence) => evidence.Agents
        .Where(line => line.Event == "start" && line.Attempt > 1 && evidence.Tasks.All(task => task.TaskId != line.TaskId || !line.TaskId.EndsWith("--victim", StringComparison.Ordinal)))
        .Select(line => new Finding("I3", $"{line.TaskId}: attempt {line.Attempt} was started, and nobody had touched the first one."));

    private static string IdOf(string point) => point.Replace('.', '-');

    /// <summary>Arms a service with the point, leads it there, waits until it is hit.</summary>
    private async Task<string> StrikeAsync(TortureBed bed, string point, TortureReport report)
    {
        var trace = bed.Place.At("trace.log");
        File.Delete(trace);
        File.Delete(FailPoints.GitTraceOf(trace));
        File.Delete(bed.Place.At("torture-git.hits"));
        var isHosts = FailPointNames.Host.Contains(point);
        var order = Path.Combine(bed.Place.Home, "fail-point");
        File.Delete(order);
        File.Delete(order + ".reached");
        await bed.Service.KillAsync();
        var keep = point.StartsWith("worktree.remove", StringComparison.Ordinal) || point.StartsWith("state.worktree-settled", StringComparison.Ordinal) ? "never" : "always";
        try
        {
            await bed.Service.StartAgainAsync(("FAIL_POINT", isHosts ? "" : point), ("TORTURE_SESSION_HOST", isHosts ? Programs.TortureSessionHost : ""), ("FAIL_TARGET", isHosts ? "" : $"{Target}"), ("FAIL_TRACE", trace), ("WORKTREE_KEEP", keep));
        }
        catch (InvalidOperationException) when (bed.Service.Program.HasExited && WasHit(trace, point))
        {
            return "hit while it took up what was left";
        }

        if (isHosts) await File.WriteAllTextAsync(order, $"{point} {Target.ToString().ToLowerInvariant()}");
        await LeadAsync(bed, point);
        try
        {
            await Eventually.IsTrueAsync(() => (isHosts ? File.Exists(order + ".reached") : WasHit(trace, point)) && (Target is FailTarget.Tmux or FailTarget.Host || bed.Service.Program.HasExited), point, HitLimit);

            // The next order would meet this task's next host otherwise, and kill that too.
            if (Target == FailTarget.Host) await EndedAsync(bed, point);
            return "hit";
        }
        catch (TimeoutException)
        {
            report.Add(new("points", $"{point} was not hit. Passed: {string.Join(' ', Passed(trace).Distinct(StringComparer.Ordinal))}"), $"seed {Seed}, target {Target}");
            Keep.Logs(bed, $"points-{Seed}-{Target}-{point}", report);
            return "NOT HIT";
        }
    }

    private static async Task EndedAsync(TortureBed bed, string point)
    {
        foreach (var spec in bed.Specs.Where(spec => spec.TaskId.StartsWith($"{IdOf(point)}--", StringComparison.Ordinal)).ToList()) await bed.Service.WaitForEndAsync(spec.TaskId);
    }

    /// <summary>The work that leads to the point.</summary>
    private async Task LeadAsync(TortureBed bed, string point)
    {
        var id = IdOf(point);
        var step = point[..point.LastIndexOf('.')];
        if (step == "callback.failed") bed.Receiver.AnswerNext(503);
        switch (step)
        {
            case "session.stop" or "state.stopping":
                await bed.PostAsync(new($"{id}--stopped", "stubborn", 0));
                await StartedAsync(bed, $"{id}--stopped");
                await bed.CancelAsync($"{id}--stopped");
                break;
            case "worktree.unlock" or "state.next-attempt":
                await bed.PostAsync(new($"{id}--victim", "victim", 60));
                await StartedAsync(bed, $"{id}--victim");
                foreach (var pid in bed.Place.SessionHosts().Where(pid => MachineProcess.CommandLineOf(pid).Contains($"/sessions/{id}--victim/", StringComparison.Ordinal))) MachineProcess.Kill(pid);
                break;
            case "worktree.keep":
                Tool.Run("git", "-C", bed.Repository.Origin, "branch", "--force", $"feature-{id}", "main");
                await bed.PostAsync(new($"{id}--goes-on", "quick", 0, $"feature-{id}"));
                break;
            case "session.close" or "worktree.find":
                await bed.PostAsync(new($"{id}--nowhere", "nowhere", 0, "no-such-branch"));
                break;
            case "row.remove":
                // Ids that differ in case only are refused, after something of the second one was stored.
                await bed.PostAsync(new($"{id}--first", "quick", 0));
                await bed.PostAsync(new($"{id}--FIRST", "quick", 0));
                break;
            default:
                await bed.PostAsync(new($"{id}--{(_random.Next(2) == 0 ? "one" : "slow")}", _random.Next(2) == 0 ? "quick" : "slow", _random.NextDouble()));
                break;
        }
    }

    /// <summary>Until its agent has started, or the service has died before.</summary>
    private async Task StartedAsync(TortureBed bed, string taskId)
    {
        var log = bed.Place.At(TortureAgent.Log);
        await Eventually.IsTrueAsync(
            () => bed.Service.Program.HasExited || (File.Exists(log) && File.ReadLines(log).Any(line => line.StartsWith($"commit {taskId} ", StringComparison.Ordinal))),
            string.Create(CultureInfo.InvariantCulture, $"the start of {taskId}'s agent"), HitLimit);
    }

    private static IEnumerable<string> Passed(string trace) => ((string[])[trace, FailPoints.GitTraceOf(trace)]).Where(File.Exists).SelectMany(File.ReadLines);

    private static bool WasHit(string trace, string point) => Passed(trace).Contains(point, StringComparer.Ordinal);
}
