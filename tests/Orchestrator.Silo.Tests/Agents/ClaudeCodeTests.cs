using System.Globalization;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Testing.ModelApi;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>The real Claude Code in a real worktree, as the agents table starts it, against the fake model API.</summary>
public sealed class ClaudeCodeTests
{
    [ClaudeCodeFact]
    public async Task The_real_agent_commits_and_reports_what_it_did()
    {
        using var bench = new AgentBench();
        await using var api = await FakeModelApi.StartAsync(
            ModelStep.Write("{{cwd}}/hello.txt", "Hello\n") with { Text = "I write the file." },
            ModelStep.Bash("git add hello.txt && git -c user.name=Agent -c user.email=agent@localhost commit -q -m 'Say hello'"),
            ModelStep.Say("Done: hello.txt is there.\n\n```json\n{\"prUrl\":\"https://example.com/pull/1\",\"unknown\":1}\n```"));
        bench.WithClaude(api.BaseUrl, api.ApiKey);
        var sessionId = Guid.NewGuid().ToString();

        using var agent = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(sessionId), AgentBench.Request("sonnet")), "Please say hello", bench.WorktreePath, bench.SessionFolder());
        var exitCode = await agent.WaitAsync();
        var report = bench.Table().ReadReport("sonnet", bench.SessionFolder(), bench.WorktreePath);

        Assert.Empty(api.Violations);
        Assert.Equal(0, exitCode);
        Assert.Equal("Say hello", bench.Git("log", "-1", "--format=%s"));
        Assert.Equal("Hello", bench.Git("show", "HEAD:hello.txt"));
        Assert.All(api.Requests, request => Assert.Contains("sonnet", request.Model, StringComparison.Ordinal));
        Assert.Equal((true, true, false, sessionId, "Done: hello.txt is there."), (report.HasOutput, report.HasResult, report.IsError, report.AgentSessionId, report.Summary));
        Assert.Equal("""{"prUrl":"https://example.com/pull/1"}""", report.ReportedJson);
        Assert.Equal((3000, 150, 3), (report.Usage.InputTokens, report.Usage.OutputTokens, report.Usage.Turns));
        Assert.True(report.Usage.CostUsd > 0);
    }

    [ClaudeCodeFact]
    public async Task An_agent_that_was_killed_in_the_middle_of_a_tool_goes_on_when_it_is_resumed()
    {
        using var bench = new AgentBench();
        var started = Path.Combine(bench.Root, "tool-started");
        await using var api = await FakeModelApi.StartAsync(ModelStep.Bash($"echo $$ > {started}.tmp && mv {started}.tmp {started} && exec tail -f /dev/null"));
        bench.WithClaude(api.BaseUrl, api.ApiKey);
        var sessionId = Guid.NewGuid().ToString();
        using var toolStarted = new FileSystemWatcher(bench.Root, "tool-started") { EnableRaisingEvents = true };
        var arrival = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        toolStarted.Renamed += (_, _) => arrival.TrySetResult();

        using (var agent = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(sessionId), AgentBench.Request("auto")), "Please say hello", bench.WorktreePath, bench.SessionFolder()))
        {
            await arrival.Task.WaitAsync(AgentProgram.Limit, TimeProvider.System);
            agent.Kill();
            EndTool(started);
            Assert.Equal(137, await agent.WaitAsync());
        }

        var killed = bench.Table().ReadReport("auto", bench.SessionFolder(), bench.WorktreePath);
        api.PlayFor(sessionId, ModelStep.Bash("git -c user.name=Agent -c user.email=agent@localhost commit -q --allow-empty -m 'Go on'"), ModelStep.Say("Now it is done."));
        using var resumed = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(sessionId, attempt: 2, isResume: true), AgentBench.Request("auto")), "Go on", bench.WorktreePath, bench.SessionFolder(2));
        var exitCode = await resumed.WaitAsync();
        var report = bench.Table().ReadReport("auto", bench.SessionFolder(2), bench.WorktreePath);

        Assert.Empty(api.Violations);
        Assert.Equal((true, false, AgentErrorKind.None, sessionId), (killed.HasOutput, killed.HasResult, killed.ErrorKind, killed.AgentSessionId));
        Assert.Equal(0, exitCode);
        Assert.Equal("Go on", bench.Git("log", "-1", "--format=%s"));
        Assert.Equal((true, false, sessionId, "Now it is done."), (report.HasResult, report.IsError, report.AgentSessionId, report.Summary));
        Assert.Contains("Please say hello", api.Requests[^1].Messages.ToJsonString(), StringComparison.Ordinal);
    }

    [ClaudeCodeFact]
    public async Task A_limit_of_turns_ends_the_real_agent_as_a_spent_budget()
    {
        using var bench = new AgentBench();
        await using var api = await FakeModelApi.StartAsync(ModelStep.Bash("true") with { IsRepeated = true });
        bench.WithClaude(api.BaseUrl, api.ApiKey);

        using var agent = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(Guid.NewGuid().ToString(), turnsLeft: 2), AgentBench.Request("auto")), "Go", bench.WorktreePath, bench.SessionFolder());
        var exitCode = await agent.WaitAsync();
        var report = bench.Table().ReadReport("auto", bench.SessionFolder(), bench.WorktreePath);

        Assert.Empty(api.Violations);
        Assert.Equal((1, true, AgentErrorKind.Budget), (exitCode, report.IsError, report.ErrorKind));
        Assert.Equal(2, api.Requests.Count);
    }

    [ClaudeCodeFact]
    public async Task A_conversation_whose_first_request_met_a_usage_limit_is_there_to_be_resumed()
    {
        using var bench = new AgentBench();
        await using var api = await FakeModelApi.StartAsync(ModelStep.AlwaysFail(429, "rate_limit_error", "You've hit your limit · resets 3pm (UTC)"));
        bench.WithClaude(api.BaseUrl, api.ApiKey);
        var sessionId = Guid.NewGuid().ToString();
        using (var agent = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(sessionId), AgentBench.Request("auto")), "Please say hello", bench.WorktreePath, bench.SessionFolder()))
        {
            Assert.Equal(1, await agent.WaitAsync());
        }

        var limited = bench.Table().ReadReport("auto", bench.SessionFolder(), bench.WorktreePath);
        api.PlayFor(sessionId, ModelStep.Say("Hello."));
        using var resumed = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(sessionId, attempt: 2, isResume: true), AgentBench.Request("auto")), "Go on", bench.WorktreePath, bench.SessionFolder(2));

        Assert.Equal(0, await resumed.WaitAsync());
        Assert.Equal((AgentErrorKind.UsageLimit, 15), (limited.ErrorKind, limited.LimitResetsAt!.Value.Hour));
        Assert.Equal("Hello.", bench.Table().ReadReport("auto", bench.SessionFolder(2), bench.WorktreePath).Summary);
        Assert.Contains("Please say hello", api.Requests[^1].Messages.ToJsonString(), StringComparison.Ordinal);
        Assert.Empty(api.Violations);
    }

    [ClaudeCodeFact]
    public async Task A_refused_key_is_told_apart_from_an_overload()
    {
        using var bench = new AgentBench();
        await using var api = await FakeModelApi.StartAsync(ModelStep.AlwaysFail(403, "permission_error", "Not for this key"));
        bench.WithClaude(api.BaseUrl, api.ApiKey);

        using var agent = await AgentProgram.StartAsync(
            bench.Table().CreateLaunch(bench.Session(Guid.NewGuid().ToString()), AgentBench.Request("auto")), "Go", bench.WorktreePath, bench.SessionFolder());
        var exitCode = await agent.WaitAsync();
        var report = bench.Table().ReadReport("auto", bench.SessionFolder(), bench.WorktreePath);

        Assert.Empty(api.Violations);
        Assert.Equal((1, true, AgentErrorKind.Refused), (exitCode, report.IsError, report.ErrorKind));
    }

    /// <summary>SIGKILL of the agent leaves its tools alive; the session host ends them, which is not here.</summary>
    private static void EndTool(string pidFile)
    {
        using var tool = System.Diagnostics.Process.GetProcessById(int.Parse(File.ReadAllText(pidFile), CultureInfo.InvariantCulture));
        tool.Kill();
    }
}
