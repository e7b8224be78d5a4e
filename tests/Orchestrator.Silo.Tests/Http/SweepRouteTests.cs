using System.Text.Json;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Limits of the sweep, over HTTP.</summary>
public sealed class SweepRouteTests
{
    private static readonly TimeSpan Old = TimeSpan.FromDays(8);

    [Fact]
    public async Task A_sweep_is_capped()
    {
        await using var service = await StartAsync(25, Old);
        var swept = await DrySweepAsync(service);
        Assert.Equal(20, swept.GetProperty("removed").GetArrayLength());
        Assert.True(swept.GetProperty("hasMore").GetBoolean());
        Assert.Equal("task-0", swept.GetProperty("removed")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_clock_that_was_set_by_years_makes_nothing_old_at_once()
    {
        await using var service = await StartAsync(3, TimeSpan.FromHours(1));
        Assert.Equal(0, (await DrySweepAsync(service)).GetProperty("removed").GetArrayLength());
        service.Clock.SetWallClockForward(TimeSpan.FromDays(3650));
        Assert.Equal(0, (await DrySweepAsync(service)).GetProperty("removed").GetArrayLength());
        Assert.Equal(0, (await SweepAsync(service, "")).GetProperty("removed").GetArrayLength());

        // It stays so: then it is the time.
        Assert.Equal(3, (await DrySweepAsync(service)).GetProperty("removed").GetArrayLength());
    }

    [Fact]
    public async Task A_clock_that_was_set_by_years_makes_nothing_a_leftover_at_once()
    {
        await using var service = await StartAsync(0, Old);
        Directory.CreateDirectory(Path.Combine(service.App.Settings.Home.SessionsPath, "notes"));
        service.Clock.SetWallClockForward(TimeSpan.FromDays(3650));
        Assert.Equal(0, (await DrySweepAsync(service)).GetProperty("quarantined").GetArrayLength());
        Assert.Equal(0, (await SweepAsync(service, "")).GetProperty("quarantined").GetArrayLength());
        Assert.Equal(1, (await SweepAsync(service, "")).GetProperty("quarantined").GetArrayLength());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task A_clock_that_was_set_by_two_hours_changes_nothing(int hours)
    {
        await using var service = await StartAsync(3, TimeSpan.FromHours(1));
        service.Clock.SetWallClockForward(TimeSpan.FromHours(hours));
        Assert.Equal(0, (await SweepAsync(service, "")).GetProperty("removed").GetArrayLength());
        Assert.Equal(0, (await DrySweepAsync(service)).GetProperty("removed").GetArrayLength());
    }

    [Fact]
    public async Task A_task_whose_row_says_that_it_has_not_ended_or_owes_a_callback_is_let_alone()
    {
        await using var service = await StartAsync(2, Old);
        var catalog = service.Get<IAgentTaskCatalog>();
        await catalog.UpdateAsync(catalog.Find("task-0")! with { Phase = AgentTaskPhase.Collecting }, default);
        await catalog.UpdateAsync(catalog.Find("task-1")! with { OwesCallback = true }, default);
        Assert.Equal(0, (await DrySweepAsync(service)).GetProperty("removed").GetArrayLength());
    }

    [Fact]
    public async Task What_cannot_be_deleted_from_the_quarantine_keeps_nothing_else()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess) return;
        await using var service = await StartAsync(0, Old);
        string Put(string name) => service.Get<Quarantine>().Put(
            new(QuarantineKind.Session, name, "A test wants it.") { IsSaved = true }, Directory.CreateDirectory(Path.Combine(service.App.Settings.Home.SessionsPath, name)).FullName);
        var (stuck, _) = (Put("first"), Put("second"));
        if (Tool.TryRun("mount", "-t", "tmpfs", "tmpfs", stuck).ExitCode != 0) return;
        try
        {
            service.Clock.Advance(TimeSpan.FromDays(31));
            var swept = await SweepAsync(service, "");
            Assert.Single(swept.GetProperty("troubles").EnumerateArray());
            Assert.Equal("first", Assert.Single(service.Get<Quarantine>().List()).Item.Name);
        }
        finally
        {
            Tool.Run("umount", stuck);
        }
    }

    private static Task<JsonElement> DrySweepAsync(ServiceUnderTest service) => SweepAsync(service, "?dryRun=true");

    private static async Task<JsonElement> SweepAsync(ServiceUnderTest service, string query)
    {
        var response = await service.SendAsync(HttpMethod.Post, "/admin/sweep" + query);
        Assert.Equal(200, (int)response.StatusCode);
        return await response.JsonAsync();
    }

    private static async Task<ServiceUnderTest> StartAsync(int count, TimeSpan age)
    {
        var service = await ServiceUnderTest.StartAsync();
        for (var number = 0; number < count; number++)
        {
            var endedAt = service.Clock.GetUtcNow() - age + TimeSpan.FromSeconds(number);
            await service.Get<IAgentTaskCatalog>().AddAsync(
                new()
                {
                    TaskId = $"task-{number}",
                    Status = AgentTaskStatus.Completed,
                    Phase = AgentTaskPhase.Ended,
                    Run = 1,
                    Attempt = 1,
                    WorkerType = "script",
                    Repository = "acme/web",
                    Priority = 0,
                    CreatedAt = endedAt,
                    CompletedAt = endedAt,
                },
                default);
            Directory.CreateDirectory(Path.Combine(service.App.Settings.Home.WorktreesPath, $"task-{number}"));
        }

        return service;
    }
}
