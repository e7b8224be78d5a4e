using Microsoft.Extensions.Configuration;
using Orchestrator.Silo.Configuration;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Configuration;

public sealed class SettingsReaderTests
{
    private const string Secret = "do-not-show-this";

    [Theory]
    [InlineData("PORT", "65536")]
    [InlineData("PORT", "http")]
    [InlineData("BIND", "example.com")]
    [InlineData("WORKER_CAPACITY", "0")]
    [InlineData("WORKER_CAPACITY", "257")]
    [InlineData("WORKER_CAPACITY", "1.5")]
    [InlineData("QUEUE_LIMIT", "-1")]
    [InlineData("QUEUE_TTL_HOURS", "0")]
    [InlineData("TASK_TIMEOUT_HOURS", "12.1")]
    [InlineData("TASK_TIMEOUT_HOURS", "NaN")]
    [InlineData("SHUTDOWN_DRAIN_SECONDS", "-1")]
    [InlineData("SHUTDOWN_DRAIN_SECONDS", "Infinity")]
    [InlineData("RESUME_AFTER_LOSS", "yes")]
    [InlineData("WORKTREE_KEEP", "1")]
    [InlineData("WORKTREE_KEEP", "sometimes")]
    [InlineData("ACCESS", "everybody")]
    [InlineData("ACCESS", "3")]
    [InlineData("BEHIND_PROXY", "1")]
    [InlineData("GIT_URL_TEMPLATE", "https://github.com/acme/web.git")]
    [InlineData("GIT_URL_TEMPLATE", "ext::sh -c {repository}")]
    [InlineData("GIT_URL_TEMPLATE", "--upload-pack={repository}")]
    [InlineData("DEFAULT_REPOSITORY", "acme")]
    [InlineData("DEFAULT_REPOSITORY", "acme/..")]
    [InlineData("CALLBACK_ALLOW", "example.com")]
    [InlineData("CALLBACK_ALLOW", "https://example.com/path")]
    [InlineData("CALLBACK_ALLOW", "https://user:pass@example.com")]
    [InlineData("CALLBACK_ALLOW", "https://\u05d0example.com")]
    [InlineData("TASK_ENV_ALLOW", "A,B-C")]
    [InlineData("TASK_ENV_ALLOW", "A,PATH")]
    [InlineData("TASK_ENV_ALLOW", "HOME")]
    [InlineData("TASK_ENV_ALLOW", "IS_SANDBOX")]
    [InlineData("TASK_ENV_ALLOW", "TASK_ID")]
    [InlineData("TASK_ENV_ALLOW", "ORCHESTRATOR_HOME")]
    [InlineData("TASK_ENV_ALLOW", "DISPATCH_SECRET")]
    [InlineData("AGENT_ENV", "A=B")]
    [InlineData("AGENT_ENV", "DISPATCH_SECRET")]
    [InlineData("AGENT_ENV", "A,INTERNAL_AUTH_TOKEN")]
    [InlineData("AGENT_ENV", "GH_PRIVATE_KEY")]
    [InlineData("AGENT_ENV", "TASK_ID")]
    [InlineData("AGENT_ENV", "ORCHESTRATOR_HOME")]
    [InlineData("INTERNAL_AUTH_TOKEN", "a b")]
    [InlineData("DISPATCH_SECRET", ",")]
    [InlineData("ORCHESTRATOR_LOG_LEVEL", "loud")]
    [InlineData("CF_ACCESS_AUD", "x")]
    [InlineData("AGENT_USER", "nobody")]
    public void A_wrong_value_stops_the_start_with_key_and_rule(string name, string value)
    {
        using var home = new ScratchFolder();
        var exception = Assert.Throws<StartException>(() => Read(home, (name, value)));
        Assert.Contains(name, exception.Message, StringComparison.Ordinal);
        Assert.Contains(SettingTable.All.Single(setting => setting.Name == name).Rule, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_are_told_at_once_and_no_secret()
    {
        using var home = new ScratchFolder();
        File.WriteAllText(home.At("orchestrator.json"), """{"WORKER_CAPASITY":2,"workerCapacity":3,"QUEUE_LIMIT":{"a":1}}""");
        var exception = Assert.Throws<StartException>(() => Read(home, ("PORT", "x"), ("INTERNAL_AUTH_TOKEN", "bad " + Secret)));
        Assert.Contains("5 errors", exception.Message, StringComparison.Ordinal);
        foreach (var part in new[] { "PORT is 'x'", "INTERNAL_AUTH_TOKEN must be", "unknown key 'WORKER_CAPASITY'", "Is WORKER_CAPACITY meant?", "QUEUE_LIMIT must be a text" })
            Assert.Contains(part, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_secret_there_is_no_start_and_the_message_says_what_to_do()
    {
        using var home = new ScratchFolder();
        var exception = Assert.Throws<StartException>(() => SettingsReader.Read(Configuration([("ORCHESTRATOR_HOME", home.Root)])));
        Assert.Contains("DISPATCH_SECRET is not set", exception.Message, StringComparison.Ordinal);
        Assert.Contains("scripts/start.sh", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_gives_values_and_the_environment_goes_before_it()
    {
        using var home = new ScratchFolder();
        File.WriteAllText(home.At("orchestrator.json"), """
            { // Comments are fine.
              "WORKER_CAPACITY": 4, "QUEUE_LIMIT": 7, "RESUME_AFTER_LOSS": false, "TASK_ENV_ALLOW": ["A", "B"], "DISPATCH_SECRET": "from-file", "QUEUE_TTL_HOURS": 0.5 }
            """);
        var settings = SettingsReader.Read(Configuration([("ORCHESTRATOR_HOME", home.Root), ("QUEUE_LIMIT", "8")]));
        Assert.Equal((4, 8), (settings.Capacity.SlotsMax, settings.Capacity.QueueLimit));
        Assert.False(settings.AgentTasks.ResumeAfterLoss);
        Assert.Equal(TimeSpan.FromMinutes(30), settings.AgentTasks.QueueTtl);
        Assert.Equal(["A", "B"], settings.Machine.TaskEnvironmentAllowed);
        Assert.Equal(["from-file"], settings.Dispatch.Secrets);
    }

    [Theory]
    [InlineData("--DISPATCH_SECRET")]
    [InlineData("--dispatch_secret")]
    [InlineData("--INTERNAL_AUTH_TOKEN")]
    [InlineData("--GH_PRIVATE_KEY")]
    public void A_secret_on_the_command_line_stops_the_start_and_is_not_repeated(string name)
    {
        foreach (string[] args in (string[][])[["--PORT", "0", name, Secret], [$"{name}={Secret}"]])
        {
            var exception = Assert.Throws<StartException>(() => CommandLineSecrets.Refuse(args));
            Assert.Contains(name[2..].ToUpperInvariant(), exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, exception.Message, StringComparison.Ordinal);
        }

        CommandLineSecrets.Refuse(["--PORT", "0", "--ACCESS", "signed"]);
    }

    [Fact]
    public void Every_default_is_what_the_contract_says()
    {
        using var home = new ScratchFolder();
        var settings = Read(home);
        Assert.Equal((8080, "127.0.0.1"), (settings.Server.Port, settings.Server.Bind.ToString()));
        Assert.Equal((1, 1000), (settings.Capacity.SlotsMax, settings.Capacity.QueueLimit));
        Assert.Equal((TimeSpan.FromHours(24), TimeSpan.FromHours(5)), (settings.AgentTasks.QueueTtl, settings.AgentTasks.Timeout));
        Assert.Equal(TimeSpan.FromMinutes(10), settings.Shutdown.DrainTimeout);
        Assert.True(settings.AgentTasks.ResumeAfterLoss);
        Assert.Equal(AccessMode.Local, settings.Access.Mode);
        Assert.Null(settings.AgentTasks.DefaultRepository);
        Assert.Equal(".orchestrator", Path.GetFileName(OrchestratorSettings.DefaultHome()));
    }

    [Theory]
    [InlineData("0.0.0.0", "open", "false", false)]
    [InlineData("192.0.2.1", "open", "false", false)]
    [InlineData("0.0.0.0", "open", "true", true)]
    [InlineData("0.0.0.0", "local", "false", true)]
    [InlineData("::1", "open", "false", true)]
    [InlineData("localhost", "open", "false", true)]
    public void Open_access_beyond_this_machine_needs_a_proxy(string bind, string access, string behindProxy, bool isFine)
    {
        using var home = new ScratchFolder();
        var error = Record.Exception(() => Read(home, ("BIND", bind), ("ACCESS", access), ("BEHIND_PROXY", behindProxy)));
        Assert.Equal(isFine, error is null);
        if (!isFine) Assert.Contains("BEHIND_PROXY", Assert.IsType<StartException>(error).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_holds_every_name_of_the_contract()
    {
        string[] names =
        [
            "PORT", "BIND", "DISPATCH_SECRET", "GH_APP_ID", "GH_INSTALLATION_ID", "GH_PRIVATE_KEY", "GH_API_URL", "GIT_URL_TEMPLATE", "WORKER_CAPACITY", "QUEUE_LIMIT",
            "QUEUE_TTL_HOURS", "DEFAULT_REPOSITORY", "TASK_TIMEOUT_HOURS", "INACTIVITY_MINUTES", "SHUTDOWN_DRAIN_SECONDS", "RESUME_AFTER_LOSS", "ORCHESTRATOR_HOME", "ACCESS",
            "CALLBACK_ALLOW", "INTERNAL_AUTH_TOKEN", "SCRIPT_AGENT", "CLAUDE_COMMAND", "CODEX_COMMAND", "OPENCODE_COMMAND", "GEMINI_COMMAND", "AGENT_ENV", "TASK_ENV_ALLOW",
            "AGENT_USER", "BEHIND_PROXY", "CF_ACCESS_TEAM_DOMAIN", "CF_ACCESS_AUD",
        ];
        Assert.Empty(names.Except(SettingTable.All.Select(setting => setting.Name)));
    }

    [Fact]
    public void README_says_of_every_setting_what_the_table_does()
    {
        var readme = File.ReadAllLines(Path.Combine(RepositoryRoot.Path, "README.md"));
        var rows = SettingTable.All.Select(setting => $"| `{setting.Name}` | {setting.Default} | {setting.Meaning} | {setting.Rule} |");
        Assert.Equal(rows, readme.SkipWhile(line => !line.StartsWith("| name | default |", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|')));
    }

    private static OrchestratorSettings Read(ScratchFolder home, params (string Name, string Value)[] values) =>
        SettingsReader.Read(Configuration([("ORCHESTRATOR_HOME", home.Root), ("DISPATCH_SECRET", Secret), .. values]));

    private static IConfigurationRoot Configuration((string Name, string Value)[] values)
    {
        // The last of a name counts, as on the command line.
        var all = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in values) all[name] = value;
        return new ConfigurationBuilder().AddInMemoryCollection(all).Build();
    }
}
