using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>When room gets short, worktrees go that have nothing to be saved.</summary>
public sealed class SweepOnFullDiskTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Clean_worktrees_go_whatever_their_age_and_dirty_ones_stay()
    {
        string? whyNot = null;
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, prepare: place => whyNot = place.TryMountHome("320m"));
        if (whyNot is not null)
        {
            output.WriteLine($"Not run: only root can mount a small disk, and not in every container: {whyNot}");
            return;
        }

        await bed.RunAsync("clean-1", "commit 'Do it'");
        await bed.RunAsync("dirty-1", "echo dirty >left.txt");
        await File.WriteAllBytesAsync(Path.Combine(bed.Place.Home, "filler"), new byte[128 << 20]);

        // It is looked each minute.
        await Eventually.IsTrueAsync(() => !Directory.Exists(bed.Place.Worktree("clean-1")), "the clean worktree goes", TimeSpan.FromMinutes(3));
        Assert.True(File.Exists(Path.Combine(bed.Place.Worktree("dirty-1"), "left.txt")));
        var removed = await bed.Service.WaitForTaskAsync("clean-1", task => task.TryGetProperty("worktreeRemovedAt", out _), "says that its worktree is gone");
        Assert.Contains("the disk is full", removed.GetProperty("timeline").EnumerateArray().Last().GetProperty("detail").GetString(), StringComparison.Ordinal);
    }
}
