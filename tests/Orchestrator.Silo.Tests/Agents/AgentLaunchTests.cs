using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>What is started for a worker type: arguments and environment.</summary>
public sealed class AgentLaunchTests
{
    private const string SessionId = "0f8fad5b-d9cb-469f-a165-70867728950e";
    private static readonly string[] Unattended =
        ["-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json", "--permission-mode", "bypassPermissions"];

    [Fact]
    public void A_new_conversation_of_claude_gets_its_session_id_and_no_limits()
    {
        using var bench = new LaunchBench();
        var launch = bench.Table().CreateLaunch(LaunchBench.Session(), LaunchBench.Request("auto"));

        Assert.Equal([bench.Program, .. Unattended, "--session-id", SessionId], launch.Arguments);
        Assert.Equal(("claude", SessionInput.StreamJson, true), (launch.Agent, launch.Input, launch.CanResume));
    }

    [Theory]
    [InlineData("opus", "opus")]
    [InlineData("sonnet", "sonnet")]
    [InlineData("glm", "glm-4.7")]
    public void A_worker_type_names_its_model(string workerType, string model)
    {
        using var bench = new LaunchBench();
        var launch = bench.Table().CreateLaunch(LaunchBench.Session(), LaunchBench.Request(workerType));

        Assert.Equal([bench.Program, .. Unattended, "--session-id", SessionId, "--model", model], launch.Arguments);
    }

    [Fact]
    public void A_resumed_conversation_is_named_instead_and_gets_the_limits_that_are_left()
    {
        using var bench = new LaunchBench();
        var session = LaunchBench.Session() with { IsResume = true, TurnsLeft = 7, CostUsdLeft = 1.25 };
        var launch = bench.Table().CreateLaunch(session, LaunchBench.Request("auto"));

        Assert.Equal([bench.Program, .. Unattended, "--resume", SessionId, "--max-turns", "7", "--max-budget-usd", "1.25"], launch.Arguments);
    }

    [Fact]
    public void A_cost_is_written_without_exponent()
    {
        using var bench = new LaunchBench();
        var launch = bench.Table().CreateLaunch(LaunchBench.Session() with { CostUsdLeft = 0.00001 }, LaunchBench.Request("auto"));

        Assert.Equal("0.00001", launch.Arguments[^1]);
    }

    [Theory]
    [InlineData("--dangerously-skip-permissions")]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a\n")]
    public void A_session_id_that_could_be_an_option_is_refused(string id)
    {
        using var bench = new LaunchBench();
        var session = LaunchBench.Session() with { AgentSessionId = id, IsResume = true };

        Assert.Throws<ArgumentException>(() => bench.Table().CreateLaunch(session, LaunchBench.Request("auto")));
    }

    [Fact]
    public void A_script_gets_no_arguments_and_its_prompt_as_text()
    {
        using var bench = new LaunchBench();
        var launch = bench.Table().CreateLaunch(LaunchBench.Session() with { IsResume = true, TurnsLeft = 3 }, LaunchBench.Request("script"));

        Assert.Equal([bench.Program], launch.Arguments);
        Assert.Equal(("script", SessionInput.Text, false), (launch.Agent, launch.Input, launch.CanResume));
    }

    [Fact]
    public void The_environment_holds_the_usual_names_and_the_facts_of_the_task_and_nothing_else()
    {
        using var bench = new LaunchBench { ["SECRET_OF_SOMEBODY"] = "x", ["HOME"] = "/home/agent", ["LC_TIME"] = "C", ["ANTHROPIC_API_KEY"] = "key", ["IS_SANDBOX"] = "1", ["NODE_OPTIONS"] = "--x" };
        var environment = bench.Table().CreateLaunch(LaunchBench.Session(), LaunchBench.Request("auto")).Environment;

        Assert.Equal(
            [
                "ANTHROPIC_API_KEY=key", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "HOME=/home/agent", "IS_SANDBOX=1", "LC_TIME=C", "ORCHESTRATOR_TASK=1",
                $"PATH={bench["PATH"]}", "TASK_ATTEMPT=2", "TASK_BASE_BRANCH=main", "TASK_BRANCH=task/t1", "TASK_ID=t1", "TASK_REPOSITORY=acme/web", "ZAI_API_KEY=zai-key",
            ],
            environment.Select(each => $"{each.Key}={each.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void No_secret_of_the_service_or_the_task_reaches_the_agent_even_when_AGENT_ENV_names_it()
    {
        using var bench = new LaunchBench { ["DISPATCH_SECRET"] = "leak-1", ["GH_PRIVATE_KEY"] = "leak-2", ["INTERNAL_AUTH_TOKEN"] = "leak-3" };
        bench.Options.AgentEnvironment = ["DISPATCH_SECRET", "GH_PRIVATE_KEY", "INTERNAL_AUTH_TOKEN"];
        foreach (var workerType in bench.Table().WorkerTypes)
        {
            var launch = bench.Table().CreateLaunch(LaunchBench.Session(), LaunchBench.Request(workerType) with { WebhookSecret = "leak-4" });
            Assert.DoesNotContain(launch.Environment.Values.Concat(launch.Arguments), value => value.Contains("leak-", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void IS_SANDBOX_is_handed_on_only_when_the_service_has_it()
    {
        using var bench = new LaunchBench();

        Assert.DoesNotContain("IS_SANDBOX", bench.Table().CreateLaunch(LaunchBench.Session(), LaunchBench.Request("auto")).Environment.Keys);
    }

    [Fact]
    public void A_task_sets_allowed_names_and_none_that_decide_what_runs()
    {
        using var bench = new LaunchBench { ["HOME"] = "/home/agent" };
        bench.Options.TaskEnvironmentAllowed = ["FEATURE", "PATH", "HOME", "TASK_ID", "IS_SANDBOX", "ORCHESTRATOR_TASK", "DISPATCH_SECRET"];
        var request = LaunchBench.Request("auto") with
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["FEATURE"] = "on",
                ["PATH"] = "/evil",
                ["HOME"] = "/evil",
                ["TASK_ID"] = "evil",
                ["IS_SANDBOX"] = "1",
                ["ORCHESTRATOR_TASK"] = "0",
                ["DISPATCH_SECRET"] = "x",
                ["OTHER"] = "x",
            },
        };
        var environment = bench.Table().CreateLaunch(LaunchBench.Session(), request).Environment;

        Assert.Equal("on", environment["FEATURE"]);
        Assert.Equal((bench["PATH"], "/home/agent", "t1", "1"), (environment["PATH"], environment["HOME"], environment["TASK_ID"], environment["ORCHESTRATOR_TASK"]));
        Assert.DoesNotContain(environment.Keys, name => name is "IS_SANDBOX" or "DISPATCH_SECRET" or "OTHER");
    }

    [Fact]
    public void Glm_goes_to_its_own_provider_with_its_own_key_and_no_other()
    {
        using var bench = new LaunchBench { ["ANTHROPIC_API_KEY"] = "key", ["ANTHROPIC_MODEL"] = "some-model", ["CLAUDE_CODE_OAUTH_TOKEN"] = "token", ["ANTHROPIC_BASE_URL"] = "https://other.example" };
        bench.Options.TaskEnvironmentAllowed = ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY"];
        var request = LaunchBench.Request("glm") with
        {
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["ANTHROPIC_BASE_URL"] = "https://evil.example", ["ANTHROPIC_API_KEY"] = "evil" },
        };
        var environment = bench.Table().CreateLaunch(LaunchBench.Session(), request).Environment;

        Assert.Equal(("https://api.z.ai/api/anthropic", "zai-key"), (environment["ANTHROPIC_BASE_URL"], environment["ANTHROPIC_AUTH_TOKEN"]));
        Assert.DoesNotContain(environment.Keys, name => name is "ANTHROPIC_API_KEY" or "ANTHROPIC_MODEL" or "CLAUDE_CODE_OAUTH_TOKEN");
    }
}
