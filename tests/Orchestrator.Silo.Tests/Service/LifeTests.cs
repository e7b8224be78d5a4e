using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>Agents that fall silent, meet a usage limit or spend too much, through the whole service.</summary>
public sealed class LifeTests
{
    private static readonly Dictionary<string, string> Impatient = new() { ["INACTIVITY_MINUTES"] = "0.07", ["WORKER_CAPACITY"] = "3" };

    /// <summary>Says in the words of Claude Code what it used, twice, and ends only when it is told to.</summary>
    private const string Spender =
        """
        if [ "${1:-}" = --version ]; then exit 0; fi
        say() { printf '{"type":"result","subtype":"success","is_error":false,"num_turns":%s,"result":"Did a part.","total_cost_usd":9,"model_usage_since_last_result":{"m":{"inputTokens":1,"costUSD":%s}}}\n' "$1" "$2"; }
        echo spent >>work.txt
        git add --all
        git -c user.name=Agent -c user.email=agent@localhost commit -q -m "Spend"
        say 2 0.6
        until [ -e "$PLACE/go" ]; do sleep 0.05; done
        say 3 0.6
        exec tail -f /dev/null
        """;

    [Fact]
    public async Task A_silent_agent_is_stopped_with_all_it_started_and_begins_anew_in_the_same_worktree()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, Impatient);
        await bed.SubmitAsync(
            "life-silent",
            """
            if [ $TASK_ATTEMPT = 1 ]; then
              commit 'As far as it got'
              setsid bash -c 'echo $$ | put child.pid; exec tail -f /dev/null' &
              until [ -e "$PLACE/child.pid" ]; do sleep 0.02; done
              exec tail -f /dev/null
            fi
            commit 'Went on'
            """);
        var task = await bed.Service.WaitForEndAsync("life-silent");
        Assert.True(task.GetProperty("status").GetString() == "completed", task.ToString());
        Resumed(task);
        Assert.Equal(2, task.GetProperty("result").GetProperty("commits").GetInt32());
        Assert.Contains("stalled", Events(task));
        Assert.False(MachineProcess.IsAlive(int.Parse(await File.ReadAllTextAsync(bed.Place.At("child.pid")), CultureInfo.InvariantCulture)));
        Assert.True(task.GetProperty("attempts")[0].GetProperty("usage").GetProperty("costUnknown").GetBoolean());
        Assert.Single(bed.Receiver.Received);
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task An_agent_that_stays_silent_fails_after_three_resumes_and_its_work_is_told()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, Impatient);
        await bed.SubmitAsync("life-dead", "commit \"Try $TASK_ATTEMPT\"\nexec tail -f /dev/null");
        var burning = bed.RunAsync(
            "life-burns", "setsid bash -c 'end=$((SECONDS + 13)); while [ $SECONDS -lt $end ]; do :; done; echo 1 | put burnt' &\nuntil [ -e \"$PLACE/burnt\" ]; do sleep 0.2; done\ncommit 'Compiled'");
        var task = await bed.Service.WaitForEndAsync("life-dead", TimeSpan.FromMinutes(2));
        Assert.Equal(["stalled", "stalled", "stalled", "stalled"], Outcomes(task));
        var callback = bed.Receiver.Of("life-dead").Single();
        Assert.Equal(("failed", "TASK_INACTIVITY_TIMEOUT", 4), (callback.TaskStatus, callback.ErrorCode, callback.Json.GetProperty("result").GetProperty("commits").GetInt32()));

        // Silent for three times as long, but it works.
        Assert.Equal(["succeeded"], Outcomes(await burning));
        Assert.Empty(bed.Place.SessionProcesses());
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task A_service_that_is_killed_while_an_agent_is_silent_finds_that_out_at_its_next_start()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("life-restart", "if [ $TASK_ATTEMPT = 1 ]; then echo $$ | put silent.pid; exec tail -f /dev/null; fi\ncommit 'Went on'");
        await bed.WaitForFileAsync(bed.Place.At("silent.pid"));
        await bed.Service.KillAsync();
        await bed.Service.StartAgainAsync(("INACTIVITY_MINUTES", "0.07"));
        var task = await bed.Service.WaitForEndAsync("life-restart");
        Resumed(task);
        Assert.Single(bed.Receiver.Received);
    }

    [Fact]
    public async Task A_usage_limit_holds_task_and_account_and_frees_the_slot()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["USAGE_LIMIT_PATTERNS"] = @"quota (?:is )?spent, (?:back|resets) (?<reset>.{1,40})" });
        await bed.SubmitAsync("life-limit", "commit 'A part'\necho 'error: quota spent, back in 3 hours 30 minutes' >&2\nexit 1");
        var held = await bed.Service.WaitForTaskAsync("life-limit", task => task.GetProperty("phase").GetString() == "held", "is held");
        Assert.Equal("queued", held.GetProperty("status").GetString());
        var until = held.GetProperty("heldUntil").GetDateTimeOffset();
        Assert.InRange((until - TimeProvider.System.GetUtcNow()).TotalMinutes, 205, 212);
        Assert.Contains("held", Events(held));

        await bed.SubmitAsync("life-behind", "commit 'Never'");
        JsonElement health = default;
        await Eventually.IsTrueAsync(
            async () => (health = await bed.Service.GetHealthAsync()) is var now && now.GetProperty("running").GetInt32() == 0 && now.GetProperty("heldAccounts").GetArrayLength() == 1 && now.GetProperty("queued").GetInt32() == 2,
            "the slot is free, the account held, and another task of it waits");
        Assert.Equal(("script", until, "ready"), (health.GetProperty("heldAccounts")[0].GetProperty("account").GetString(), health.GetProperty("heldAccounts")[0].GetProperty("until").GetDateTimeOffset(), health.GetProperty("status").GetString()));

        await bed.Service.RestartAsync();
        Assert.Equal("held", (await bed.Service.GetTaskAsync("life-limit")).GetProperty("phase").GetString());
        Assert.Equal("waiting", (await bed.Service.GetTaskAsync("life-behind")).GetProperty("phase").GetString());
        Assert.Equal(1, (await bed.Service.GetHealthAsync()).GetProperty("heldAccounts").GetArrayLength());
        await bed.Service.DeleteTaskAsync("life-limit");
        Assert.Equal("ended", (await bed.Service.GetTaskAsync("life-limit")).GetProperty("phase").GetString());
        Assert.Equal("cancelled", (await bed.Receiver.WaitAsync("life-limit")).TaskStatus);
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task A_hold_is_ended_by_hand()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["USAGE_LIMIT_PATTERNS"] = @"quota (?:is )?spent, (?:back|resets) (?<reset>.{1,40})" });
        await bed.SubmitAsync("life-limit", "if [ \"$TASK_ATTEMPT\" = 1 ]; then echo 'error: quota spent, back in 3 hours 30 minutes' >&2; exit 1; fi\ncommit 'Went on'");
        await bed.Service.WaitForTaskAsync("life-limit", task => task.GetProperty("phase").GetString() == "held", "is held");
        await bed.SubmitAsync("life-behind", "commit 'Behind'");
        using var client = new HttpClient { BaseAddress = new(bed.Service.Url) };
        using var wrong = await client.PostAsync(new Uri("/admin/accounts/other/release", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.NotFound, wrong.StatusCode);
        Assert.Contains("Held are: script.", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        using var answer = await client.PostAsync(new Uri("/admin/accounts/script/release", UriKind.Relative), null);
        var released = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(("released", "script", 1), (released.GetProperty("status").GetString(), released.GetProperty("account").GetString(), released.GetProperty("tasks").GetInt32()));
        foreach (var id in (string[])["life-limit", "life-behind"]) Assert.Equal("completed", (await bed.Service.WaitForEndAsync(id)).GetProperty("status").GetString());
        Assert.Equal(0, (await bed.Service.GetHealthAsync()).GetProperty("heldAccounts").GetArrayLength());
        using var again = await client.PostAsync(new Uri("/admin/accounts/script/release", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    [Fact]
    public async Task An_agent_that_says_it_has_spent_more_than_its_budget_is_stopped_and_its_work_kept()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, prepare: place => ScriptAgent.Write(place, Spender, "spender.sh"));
        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync(("CLAUDE_COMMAND", bed.Place.At("spender.sh")), ("BUDGET_MAX_COST_USD", "1"));
        await bed.SubmitAsync("life-spends", members: ("workerType", "opus"));
        await bed.SubmitAsync("life-allowed", members: [("workerType", "opus"), ("budget", new JsonObject { ["maxTurns"] = 4 })]);
        await bed.Service.WaitForTaskAsync("life-spends", task => task.GetProperty("startedAt").ValueKind == JsonValueKind.String, "has started");
        var launch = await File.ReadAllTextAsync(Path.Combine(bed.Place.Session("life-spends"), "launch.json"));
        Assert.Contains("\"--max-budget-usd\",\"1\"", launch);
        Assert.DoesNotContain("--max-turns", launch);
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        var task = await bed.Service.WaitForEndAsync("life-spends");
        var callback = bed.Receiver.Of("life-spends").Single();
        Assert.True(callback.ErrorCode == "BUDGET_EXHAUSTED", callback.Body);
        Assert.Equal((1, 1.2), (callback.Json.GetProperty("result").GetProperty("commits").GetInt32(), callback.Json.GetProperty("result").GetProperty("costUsd").GetDouble()));
        Assert.Equal("BUDGET_EXHAUSTED", Outcomes(task).Single());

        // Two and three turns are more than four.
        Assert.Equal("BUDGET_EXHAUSTED", (await bed.Service.WaitForEndAsync("life-allowed")).GetProperty("error").GetProperty("code").GetString());
        Assert.Empty(bed.Place.SessionProcesses());
    }

    /// <summary>On a busy machine an agent may also be slow to begin.</summary>
    private static void Resumed(JsonElement task)
    {
        Assert.Equal("stalled", Outcomes(task).First());
        Assert.Equal("succeeded", Outcomes(task).Last());
        Assert.All(Outcomes(task).SkipLast(1), outcome => Assert.Equal("stalled", outcome));
    }

    private static IEnumerable<string?> Outcomes(JsonElement task) => task.GetProperty("attempts").EnumerateArray().Select(attempt => attempt.GetProperty("outcome").GetString());

    private static IEnumerable<string?> Events(JsonElement task) => task.GetProperty("timeline").EnumerateArray().Select(entry => entry.GetProperty("event").GetString());
}
