using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>Which worker types this machine has.</summary>
public sealed class WorkerTypeTests
{
    [Fact]
    public void Those_whose_program_is_there_are_known_in_order()
    {
        using var bench = new LaunchBench();

        Assert.Equal(["auto", "glm", "opus", "script", "sonnet"], bench.Table().WorkerTypes);
    }

    [Theory]
    [InlineData("auto", "claude")]
    [InlineData("opus", "claude")]
    [InlineData("sonnet", "claude")]
    [InlineData("glm", "glm")]
    [InlineData("script", "script")]
    [InlineData("gone-since", "gone-since")]
    public void Worker_types_share_the_account_that_pays_for_them(string workerType, string account)
    {
        using var bench = new LaunchBench();

        Assert.Equal(account, bench.Table().AccountOf(workerType));
    }

    [Fact]
    public void Without_its_key_a_provider_is_not_available_and_the_message_says_which()
    {
        using var bench = new LaunchBench();
        bench.Remove("ZAI_API_KEY");
        var table = bench.Table();

        Assert.DoesNotContain("glm", table.WorkerTypes);
        var refusal = Assert.Throws<AgentNotAvailableException>(() => table.CreateLaunch(LaunchBench.Session(), LaunchBench.Request("glm")));
        Assert.Contains("ZAI_API_KEY", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("codex")]
    [InlineData("codex-xhigh")]
    [InlineData("openrouter-free")]
    [InlineData("opencode")]
    [InlineData("gemini")]
    [InlineData("AUTO")]
    [InlineData("")]
    public void One_that_is_not_built_is_refused_with_the_known_ones(string workerType)
    {
        using var bench = new LaunchBench();
        var table = bench.Table();

        Assert.DoesNotContain(workerType, table.WorkerTypes);
        var refusal = Assert.Throws<AgentNotAvailableException>(() => table.CreateLaunch(LaunchBench.Session(), LaunchBench.Request(workerType)));
        Assert.Contains("auto, glm, opus, script, sonnet", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_that_goes_is_refused_at_once_and_no_longer_listed_after_five_seconds()
    {
        using var bench = new LaunchBench();
        var table = bench.Table();
        Assert.Contains("auto", table.WorkerTypes);
        File.Delete(bench.Program);

        Assert.Throws<AgentNotAvailableException>(() => table.CreateLaunch(LaunchBench.Session(), LaunchBench.Request("auto")));
        Assert.Contains("auto", table.WorkerTypes);
        bench.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Empty(table.WorkerTypes);

        bench.Install();
        bench.Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Contains("auto", table.WorkerTypes);
    }

    [Fact]
    public void A_file_that_cannot_be_executed_is_no_program()
    {
        using var bench = new LaunchBench();
        bench.Install(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        Assert.Empty(bench.Table().WorkerTypes);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("relative")]
    public void A_part_of_PATH_that_would_mean_the_worktree_is_not_searched(string part)
    {
        using var bench = new LaunchBench();

        Assert.Null(ProgramLookup.Find("agent", part));
        Assert.Equal(bench.Program, ProgramLookup.Find("agent", $"{part}:{bench.Folder}"));
    }

    [Fact]
    public void A_folder_is_no_program()
    {
        using var bench = new LaunchBench();

        Assert.Null(ProgramLookup.Find(bench.Folder, null));
    }

    [Fact]
    public void The_table_comes_from_the_container()
    {
        using var bench = new LaunchBench();
        using var services = new ServiceCollection().AddAgents().AddSingleton(TimeProvider.System).Configure<MachineOptions>(options => options.ScriptAgent = bench.Program).BuildServiceProvider();

        Assert.Contains("script", services.GetRequiredService<IAgentTable>().WorkerTypes);
    }

    [Fact]
    public void The_demo_agent_comes_with_the_service_and_can_be_executed()
    {
        using var bench = new LaunchBench();
        bench.Options.ScriptAgent = null;

        Assert.Equal([BuiltInAgents.DemoAgentPath], bench.Table().CreateLaunch(LaunchBench.Session(), LaunchBench.Request("script")).Arguments);
    }
}
