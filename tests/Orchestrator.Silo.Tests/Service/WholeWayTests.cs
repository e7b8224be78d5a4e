using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>A task's whole way through the service as it is built: HTTP, git, tmux, session host, agent, callback.</summary>
public sealed partial class WholeWayTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceBed _bed = fixture.Bed;

    [Fact]
    public async Task A_signed_task_becomes_a_commit_on_its_branch_and_a_callback_with_both_signatures()
    {
        await _bed.SubmitAsync("way-1", "echo \"I work on $TASK_REPOSITORY, $TASK_BRANCH\"\ncommit 'First step'\ncommit 'Second step'\necho 'All done'");
        var callback = await _bed.Receiver.WaitAsync("way-1");
        var task = await _bed.Service.WaitForEndAsync("way-1");

        Assert.Empty(_bed.Receiver.Violations);
        Assert.Equal(("completed", "way-1-r1-completed", ServiceFixture.InternalToken), (callback.TaskStatus, callback.Id, callback.Headers["X-Internal-Auth"]));
        Assert.Single(_bed.Receiver.Of("way-1"));
        var result = callback.Json.GetProperty("result");
        Assert.Equal(("task/way-1", 2), (result.GetProperty("branch").GetString(), result.GetProperty("commits").GetInt32()));
        Assert.Contains("All done", result.GetProperty("summary").GetString());
        Assert.Equal(["First step", "Second step"], result.GetProperty("commitDetails").EnumerateArray().Select(commit => commit.GetProperty("message").GetString()));
        Assert.Equal("Second step\nFirst step\nBegin", _bed.Mirror("log", "--format=%s", "-3", "task/way-1"));
        Assert.Equal(_bed.Mirror("rev-parse", "task/way-1"), result.GetProperty("commitDetails")[1].GetProperty("sha").GetString());
        Assert.Equal(result.GetRawText(), task.GetProperty("result").GetRawText());
        var transcript = await _bed.Service.GetTranscriptAsync("way-1");
        Assert.Contains("I work on acme/web, task/way-1", transcript);
        Assert.Contains("The session has ended: exit code 0.", transcript);
    }

    [Fact]
    public async Task What_is_told_of_a_task_has_the_contracts_members_and_nothing_secret()
    {
        var answer = await _bed.Service.PostTaskAsync(
            _bed.Body(
                "shape-1", "printf '%s' \"$GREETING\" | put greeting; cat \"$TASK_CONTEXT\" | put context; commit 'Do it'",
                ("environment", new JsonObject { ["GREETING"] = "a value that nobody shows" }), ("linearIssueId", "ISSUE-1"), ("priority", 5), ("timeoutSeconds", 300),
                ("executionMemoryContext", new JsonObject { ["note"] = "remember" }), ("traceWeDoNotKnow", "ignored")),
            traceId: "trace-7");
        Assert.Equal((202, """{"taskId":"shape-1","status":"accepted"}"""), ((int)answer.Status, answer.Body));
        var task = await _bed.Service.WaitForEndAsync("shape-1");

        Assert.Equal(
            [
                "attach", "attempts", "baseBranch", "branch", "callbacks", "completedAt", "createdAt", "deadlineAt", "diffStat", "environment", "error", "executionMemoryContext", "linearIssueId", "phase",
                "priority", "prompt", "queuePosition", "repository", "result", "startedAt", "status", "taskId", "timeline", "timeoutSeconds", "tmuxSession", "traceId", "usage", "webhookUrl", "workerType",
                "worktreePath",
            ],
            task.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Equal("""["GREETING"]""", task.GetProperty("environment").GetRawText());
        Assert.Equal(("main", "cc-task-shape-1", "trace-7"), (Text(task, "baseBranch"), Text(task, "tmuxSession"), Text(task, "traceId")));
        Assert.Equal($"tmux -S {_bed.Place.Home}/s/", Text(task, "attach")[..$"tmux -S {_bed.Place.Home}/s/".Length]);
        Assert.EndsWith(" attach -t =cc-task-shape-1:", Text(task, "attach"));
        Assert.Equal(_bed.Place.Worktree("shape-1"), Text(task, "worktreePath"));
        foreach (var name in (string[])["createdAt", "startedAt", "completedAt", "deadlineAt"]) Assert.Matches(Time(), Text(task, name));
        Assert.Equal(["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "costUsd", "turns"], Names(task.GetProperty("usage")));
        Assert.Equal(["run", "number", "agent", "agentSessionId", "startedAt", "endedAt", "exitCode", "outcome", "usage"], Names(task.GetProperty("attempts")[0]));
        Assert.Equal(("script", 0, "succeeded"), (Text(task.GetProperty("attempts")[0], "agent"), task.GetProperty("attempts")[0].GetProperty("exitCode").GetInt32(), Text(task.GetProperty("attempts")[0], "outcome")));
        Assert.Equal(["id", "kind", "state", "tries", "nextTryAt"], Names(task.GetProperty("callbacks")[0]));
        Assert.Equal(["at", "status", "error"], Names(task.GetProperty("callbacks")[0].GetProperty("tries")[0]));
        Assert.Equal(
            ["accepted", "slot_granted", "worktree_ready", "agent_started", "agent_ended", "completed", "callback_delivered"],
            task.GetProperty("timeline").EnumerateArray().Select(entry => Text(entry, "event")));
        foreach (var secret in (string[])["a value that nobody shows", _bed.Receiver.Secret, _bed.Service.Secret]) Assert.DoesNotContain(secret, task.GetRawText(), StringComparison.Ordinal);

        Assert.Equal("a value that nobody shows", await File.ReadAllTextAsync(_bed.Place.At("greeting")));
        var context = JsonDocument.Parse(await File.ReadAllTextAsync(_bed.Place.At("context"))).RootElement;
        Assert.Equal("remember", Text(context.GetProperty("executionMemoryContext"), "note"));
        Assert.DoesNotContain(_bed.Receiver.Secret, context.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("trace-7", _bed.Receiver.Of("shape-1")[0].Headers["X-Trace-Id"]);
    }

    [Fact]
    public async Task The_same_request_again_starts_nothing_and_another_one_with_its_id_is_refused()
    {
        var body = _bed.Body("again-1", "echo x >>\"$PLACE/again-1.runs\"; commit 'Do it'");
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _bed.Service.PostTaskAsync(body)));
        await _bed.Service.WaitForEndAsync("again-1");
        var late = await _bed.Service.PostTaskAsync(body);
        var other = await _bed.Service.PostTaskAsync(_bed.Body("again-1", "Something else"));

        Assert.All(answers.Append(late), answer => Assert.Equal(202, (int)answer.Status));
        Assert.Equal(409, (int)other.Status);
        Assert.Equal("x\n", await File.ReadAllTextAsync(_bed.Place.At("again-1.runs")));
        Assert.Single(_bed.Receiver.Of("again-1"));
    }

    [Fact]
    public async Task A_commit_that_was_pushed_just_before_the_task_is_its_base()
    {
        await _bed.RunAsync("fresh-0", "commit 'Before'");
        var pushed = _bed.Repository.Push("Just now", ("just-now.txt", "here\n"));
        await _bed.RunAsync("fresh-1", "cat just-now.txt; commit 'After'");
        Assert.Equal(pushed, _bed.Mirror("rev-parse", "task/fresh-1~1"));
    }

    [Fact]
    public async Task Prompts_arrive_byte_for_byte()
    {
        string[] prompts =
        [
            "x", "\n", " ", "-n --help", "; rm -rf / ;", "$(touch /tmp/never)`touch /tmp/never`", "'\"\\'\"'\"", "\u001b]0;title\u0007\u001b[31mred\u001b[0m", "ends in a semicolon;", "%s%n %1$s {0} #{pid}",
            "emoji 😀 é \u2028\u2029 \uFEFF", "\r\n\t\u0001\u007f", "line\nEOF\nline", new('a', 256 * 1024), string.Concat(Enumerable.Repeat("'$(x)`\";\n", 29127)),
        ];
        for (var i = 0; i < prompts.Length; i++) await _bed.SubmitAsync($"prompt-{i}", prompts[i]);
        for (var i = 0; i < prompts.Length; i++)
        {
            await _bed.Service.WaitForEndAsync($"prompt-{i}");
            var expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(prompts[i])));
            Assert.Equal(expected, (await File.ReadAllTextAsync(_bed.Place.At($"prompt-{i}.sha256"))).Trim());
        }
    }

    [Fact]
    public async Task No_process_of_a_session_and_no_command_line_has_a_secret_of_the_service()
    {
        await _bed.SubmitAsync("secret-1", "echo $$ | put secret-1.pid\nuntil [ -e \"$PLACE/secret-1.go\" ]; do sleep 0.05; done\ncommit 'Do it'");
        var agent = int.Parse(await _bed.WaitForFileAsync(_bed.Place.At("secret-1.pid")), System.Globalization.CultureInfo.InvariantCulture);
        string[] secrets = [_bed.Service.Secret, _bed.Receiver.Secret, ServiceFixture.InternalToken];

        var ofSession = _bed.Place.SessionProcesses();
        Assert.Contains(agent, ofSession);
        var line = Ancestors(agent).ToList();
        var terminals = MachineProcess.All().Where(pid => MachineProcess.CommandLineOf(pid).Contains(_bed.Place.Home + "/s/", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(terminals);
        Assert.Contains(line, terminals.Contains);
        Assert.Contains(line, _bed.Place.SessionHosts().Contains);
        foreach (var pid in ofSession.Concat(line).Concat(terminals).Where(pid => pid != Environment.ProcessId && pid != _bed.Service.Program.Pid && pid > 1))
        {
            var environment = MachineProcess.EnvironmentOf(pid);
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, environment, StringComparison.Ordinal));
            Assert.DoesNotContain("DISPATCH_SECRET", environment, StringComparison.Ordinal);
        }

        foreach (var pid in MachineProcess.All()) Assert.All(secrets, secret => Assert.DoesNotContain(secret, MachineProcess.CommandLineOf(pid), StringComparison.Ordinal));
        foreach (var file in Directory.GetFiles(_bed.Place.Session("secret-1")).Where(file => Path.GetFileName(file) != "lock")) Assert.All(secrets, secret => Assert.DoesNotContain(secret, File.ReadAllText(file), StringComparison.Ordinal));
        await File.WriteAllTextAsync(_bed.Place.At("secret-1.go"), "");
        await _bed.Service.WaitForEndAsync("secret-1");
        Assert.All(secrets, secret => Assert.DoesNotContain(_bed.Service.Log, entry => entry.Contains(secret, StringComparison.Ordinal)));
        Assert.Contains(_bed.Service.Log, entry => entry.Contains("secret-1", StringComparison.Ordinal));
    }

    private static IEnumerable<int> Ancestors(int pid)
    {
        for (var each = pid; each > 1; each = MachineProcess.ParentOf(each)) yield return each;
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static IEnumerable<string> Names(JsonElement json) => json.EnumerateObject().Select(member => member.Name);

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Time();
}
