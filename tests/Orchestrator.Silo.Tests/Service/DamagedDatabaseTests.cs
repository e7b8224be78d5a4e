using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Orchestrator.Silo.Tests.Scripts;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The database is damaged: nothing is replaced silently, nothing runs twice, and a backup brings back what it holds.</summary>
public sealed class DamagedDatabaseTests(ITestOutputHelper output)
{
    private const string WaitsForGo = "echo run >>\"$PLACE/runs\"\necho $$ | put agent.pid\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\ncommit 'Went on'";

    [Fact]
    public async Task A_restored_backup_brings_back_its_tasks_and_a_later_one_whose_agent_lives_is_reported_and_taken_up()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["BACKUP_MINUTES"] = "0.02", ["BACKUP_KEEP"] = "2" });
        await bed.RunAsync("old-1", "commit 'Old'");
        await WaitForNewBackupAsync(bed);
        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync(("BACKUP_MINUTES", "0"));
        await bed.SubmitAsync("live-1", WaitsForGo);
        var agent = int.Parse(await bed.WaitForFileAsync(bed.Place.At("agent.pid")), CultureInfo.InvariantCulture);
        await bed.Service.KillAsync();
        var damaged = Damage(Database(bed));

        await StartsReducedAsync(bed);
        Assert.True(MachineProcess.IsAlive(agent));
        Assert.Equal(damaged, Hash(Database(bed)));
        var early = await RestoreAsync(bed);
        Assert.Equal(1, early.ExitCode);
        Assert.StartsWith($"A service (pid {bed.Service.Program.Pid}) runs on", early.Error, StringComparison.Ordinal);
        Assert.Equal(0, await bed.Service.StopAsync());

        var restored = await RestoreAsync(bed);
        output.WriteLine(restored.Output + restored.Error);
        Assert.Equal(0, restored.ExitCode);
        Assert.Equal(damaged, Hash(Assert.Single(Directory.GetFiles(bed.Place.Home, "orchestrator.db", SearchOption.AllDirectories), file => file.Contains("replaced-", StringComparison.Ordinal))));
        bed.Service.ExpectedStatus = "ready";
        await bed.Service.StartAgainAsync();
        Assert.Equal("completed", (await bed.Service.GetTaskAsync("old-1")).GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await bed.Service.GetAsync("/tasks/live-1")).Status);
        Assert.True(MachineProcess.IsAlive(agent));
        await Eventually.IsTrueAsync(async () => Check(await bed.Service.GetHealthAsync(), "home") is { } home && !home.GetProperty("ok").GetBoolean(), "the unknown session is reported");
        Assert.Contains(bed.Service.Log, line => line.Contains("live-1/1.1", StringComparison.Ordinal));

        await bed.SubmitAsync("live-1", WaitsForGo);
        await bed.Service.WaitForTaskAsync("live-1", task => task.GetProperty("startedAt").ValueKind == JsonValueKind.String, "its agent is taken up");
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        var task = await bed.Service.WaitForEndAsync("live-1");
        Assert.Equal(("completed", 1), (task.GetProperty("status").GetString(), task.GetProperty("attempts").GetArrayLength()));
        Assert.Equal("run\n", await File.ReadAllTextAsync(bed.Place.At("runs")));
        Assert.Equal(1, task.GetProperty("result").GetProperty("commits").GetInt32());
        Assert.Single(bed.Receiver.Of("live-1"));
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task Damage_that_is_met_while_the_service_runs_ends_admission_and_is_told_at_once_and_agents_go_on()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("live-1", WaitsForGo);
        var agent = int.Parse(await bed.WaitForFileAsync(bed.Place.At("agent.pid")), CultureInfo.InvariantCulture);
        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync();
        Damage(Database(bed));

        // Whatever is read or written next meets it.
        await Eventually.IsTrueAsync(
            async () =>
            {
                await bed.Service.GetAsync("/tasks?limit=50");
                await bed.Service.PostTaskAsync(bed.Body("new-1"));
                return Check(await bed.Service.GetHealthAsync(), "database") is { } check && check.GetProperty("detail").GetString()!.Contains("restore.sh", StringComparison.Ordinal);
            },
            $"the damage is told. Log:\n{bed.Service.Program.Tail}");
        var health = await bed.Service.GetHealthAsync();
        Assert.Equal(("degraded", true), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await bed.Service.PostTaskAsync(bed.Body("new-2"))).Status);
        Assert.True(MachineProcess.IsAlive(agent));
    }

    private static async Task StartsReducedAsync(ServiceBed bed)
    {
        bed.Service.ExpectedStatus = "degraded";
        await bed.Service.StartAgainAsync();
        var health = await bed.Service.GetHealthAsync();
        Assert.Equal((true, 1, 0), (health.GetProperty("admissionFrozen").GetBoolean(), health.GetProperty("running").GetInt32(), health.GetProperty("available").GetInt32()));
        Assert.Contains("scripts/restore.sh", Check(health, "database")!.Value.GetProperty("detail").GetString(), StringComparison.Ordinal);
        foreach (var answer in (ServiceAnswer[])[await bed.Service.PostTaskAsync(bed.Body("live-1", WaitsForGo)), await bed.Service.GetAsync("/tasks/old-1"), await bed.Service.DeleteTaskAsync("live-1")])
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "Database corrupt"), (answer.Status, answer.Error));
            Assert.Contains(Database(bed), answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Contains("scripts/restore.sh", answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.True(answer.Headers.ContainsKey("Retry-After"));
        }
    }

    private static Task<ShellRun> RestoreAsync(ServiceBed bed) => ShellRun.BashAsync(bed.Place.Home, ["scripts/restore.sh"]);

    private static async Task WaitForNewBackupAsync(ServiceBed bed)
    {
        var folder = Path.Combine(bed.Place.Home, "backups");
        string[] before = Directory.Exists(folder) ? Directory.GetFiles(folder, "orchestrator-*.db") : [];

        // The second new one was certainly begun after this moment.
        await Eventually.IsTrueAsync(
            () => Directory.Exists(folder) && Directory.GetFiles(folder, "orchestrator-*.db").Except(before).Count() >= 2, $"two new backups. Log:\n{bed.Service.Program.Tail}");
        Assert.True(Directory.GetFiles(folder).Length <= 4, string.Join(' ', Directory.GetFiles(folder)));
        if (!OperatingSystem.IsWindows()) Assert.All(Directory.GetFiles(folder, "orchestrator-*.db"), CheckMode);
        var check = Check(await bed.Service.GetHealthAsync(), "backup")!.Value;
        Assert.True(check.GetProperty("ok").GetBoolean());
        Assert.StartsWith("last: orchestrator-", check.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private static void CheckMode(string path)
    {
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    private static JsonElement? Check(JsonElement health, string name)
    {
        foreach (var check in health.GetProperty("checks").EnumerateArray())
            if (check.GetProperty("name").GetString() == name) return check;
        return null;
    }

    private static string Database(ServiceBed bed) => Path.Combine(bed.Place.Home, "orchestrator.db");

    private static string Hash(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexString(SHA256.HashData(file));
    }

    /// <summary>Garbage in the place of every page but the first.</summary>
    private static string Damage(string path)
    {
        using (var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            var garbage = new byte[file.Length - 4096];
            new Random(11).NextBytes(garbage);
            file.Position = 4096;
            file.Write(garbage);
        }

        foreach (var end in (string[])["-wal"])
        {
            if (!File.Exists(path + end)) continue;
            using var log = new FileStream(path + end, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            log.SetLength(0);
        }

        return Hash(path);
    }
}
