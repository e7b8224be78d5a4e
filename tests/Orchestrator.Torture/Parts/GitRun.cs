using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Testing.Service;

namespace Orchestrator.Torture.Parts;

/// <summary>Worktrees of one repository, all asked for at once, worked in while others are made, collected and removed: git's lock files are in nobody's way.</summary>
/// <param name="Count">Tasks.</param>
internal sealed record GitRun(int Count)
{
    public async Task RunAsync(TortureReport report)
    {
        using var place = new ServicePlace();
        var repository = SampleRepository.Create(place, files: 60);
        var services = new ServiceCollection().AddLogging(logging => logging.ClearProviders()).AddSingleton(new OrchestratorHome(place.Home));
        services.Configure<MachineOptions>(options => options.GitUrlTemplate = $"file://{place.Origins}/{{repository}}.git");
        await using var provider = GitServices.AddGit(services).BuildServiceProvider();
        var worktrees = provider.GetRequiredService<IWorktrees>();
        var startedAt = TimeProvider.System.GetTimestamp();
        var locks = 0;
        await Task.WhenAll(Enumerable.Range(0, Count).Select(i => Task.Run(async () =>
        {
            var session = new SessionName($"many-{i}", 1, 1);
            var prepared = await worktrees.PrepareAsync(new(session, repository.Name, null, null, TimeProvider.System.GetUtcNow()), CancellationToken.None);
            Look(prepared.Failure, $"{session} was not prepared");
            if (prepared.Worktree is not { } worktree) return;
            await File.WriteAllTextAsync(Path.Combine(worktree.Path, "work.txt"), $"{i}\n");
            Tool.Run("git", "-C", worktree.Path, "add", "--all");
            var (exitCode, _, error) = Tool.TryRun("git", "-C", worktree.Path, "commit", "--quiet", "--message", $"Work {i}");
            if (exitCode != 0) Look(new(error), $"{session}: the agent's commit failed");
            var work = await worktrees.CollectAsync(session, worktree, CancellationToken.None);
            Look(work.Failure, $"{session} was not collected");
            report.Require(work.CommitCount == 1, "git", $"{session} has {work.CommitCount} commits.", $"{Count} at once");
            if (i % 2 == 0) Look(await worktrees.RemoveAsync(session, worktree, CancellationToken.None), $"{session} was not removed");
        })));
        report.Say($"{Count} tasks of one repository at once: {TimeProvider.System.GetElapsedTime(startedAt).TotalSeconds:0.0} s, {locks} failures over git's lock files, {report.Findings.Count} findings");

        void Look(MachineFailure? failure, string what)
        {
            if (failure is null) return;
            if (failure.Message.Contains(".lock", StringComparison.Ordinal)) Interlocked.Increment(ref locks);
            report.Add(new("git", $"{what}: {failure.Message}"), $"{Count} at once");
        }
    }
}
