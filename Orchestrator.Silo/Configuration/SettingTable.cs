using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Callbacks;

namespace Orchestrator.Silo.Configuration;

/// <summary>Every setting, once: what README says of configuration is checked against this table.</summary>
internal static partial class SettingTable
{
    /// <summary>Names the folder that <c>orchestrator.json</c> is in, so it cannot stand there itself.</summary>
    public const string HomeName = "ORCHESTRATOR_HOME";

    public const string SecretName = "DISPATCH_SECRET";

    private const double HoursMax = 24 * 365;

    public static IReadOnlyList<Setting> All { get; } =
    [
        new("PORT", "8080", "the port", "a port from 0 to 65535 (0: any free one)", (to, value) => TryInt(value, 0, 65535, port => to.Server.Port = port)),
        new("BIND", "127.0.0.1", "the address to listen at; beyond this machine, `ACCESS=open` also needs `BEHIND_PROXY=true`", "an IP address, or localhost", ApplyBind),
        new(SecretName, "made on first run by scripts/start.sh", "what dispatchers sign with; several while it is changed", "one or more secrets, separated by commas", ApplySecrets) { IsSecret = true },
        NotBuilt("GH_APP_ID"),
        NotBuilt("GH_INSTALLATION_ID"),
        NotBuilt("GH_PRIVATE_KEY") with { IsSecret = true },
        NotBuilt("GH_API_URL"),
        new("GIT_URL_TEMPLATE", "https://github.com/{repository}.git", "where repositories are; `file:///srv/git/{repository}.git` works", "a URL or path that contains {repository}", ApplyGitUrl) { IsSecret = true },
        new("WORKER_CAPACITY", "1", "agents that run at once", "a whole number from 1 to 256",
            (to, value) => TryInt(value, 1, 256, slots => to.Capacity.SlotsMax = slots)),
        new("QUEUE_LIMIT", "1000", "tasks that may wait; 0 takes a task only when a slot is free for it (whether its account is held or its repository full is not looked at)", "a whole number from 0 to 100000",
            (to, value) => TryInt(value, 0, 100_000, limit => to.Capacity.QueueLimit = limit)),
        new("REPOSITORY_CAPACITY", "0", "agents that run at once on one repository; 0 is no limit but `WORKER_CAPACITY`", "a whole number from 0 to 256",
            (to, value) => TryInt(value, 0, 256, slots => to.Capacity.RepositorySlotsMax = slots)),
        new("MEMORY_FLOOR_MB", "256", "free memory below which no agent is started; 0 never minds (Linux only)", "megabytes, a whole number from 0 to 1048576",
            (to, value) => TryInt(value, 0, 1 << 20, floor => to.Capacity.MemoryFloorBytes = (long)floor << 20)),
        new("QUEUE_TTL_HOURS", "24", "how long a task may wait", "hours, more than 0 and at most 8760",
            (to, value) => TryTime(value, 3600, HoursMax, time => to.AgentTasks.QueueTtl = time)),
        new("DEFAULT_REPOSITORY", "–", "the repository of a task that names none", "owner/name", ApplyRepository),
        new("TASK_TIMEOUT_HOURS", "5", "the time limit of a task that names none", "hours, more than 0 and at most 12",
            (to, value) => TryTime(value, 3600, 12, time => to.AgentTasks.Timeout = time)),
        new("INACTIVITY_MINUTES", "20", "how long an agent may show no sign of life (output, or work of its processes) before it is stopped and resumed", "minutes, more than 0 and at most 10080",
            (to, value) => TryTime(value, 60, 10_080, time => to.Sessions.InactivityTimeout = time)),
        new("BUDGET_MAX_COST_USD", "–", "what all attempts of a task together may cost, when it says nothing", "US dollars, more than 0",
            (to, value) => TryAmount(value, amount => to.AgentTasks.CostUsdMax = amount)),
        new("BUDGET_MAX_TURNS", "–", "turns that all attempts of a task together may take, when it says nothing", "a whole number from 1",
            (to, value) => TryInt(value, 1, int.MaxValue, turns => to.AgentTasks.TurnsMax = turns)),
        new("USAGE_LIMIT_PATTERNS", "–", "how agents say that their account's usage limit is reached, beside the built-in forms; a group named `reset` holds the time of its end",
            "regular expressions of .NET, in a list or a line for each", ApplyUsageLimitPatterns) { ListSeparator = "\n" },
        new("SHUTDOWN_DRAIN_SECONDS", "600", "how long `POST /admin/shutdown` waits for what runs", "seconds, from 0 to 86400",
            (to, value) => TryTime(value, 1, 86_400, time => to.Shutdown.DrainTimeout = time, mayBeZero: true)),
        new("RESUME_AFTER_LOSS", "true", "whether an agent whose session was lost is started again", "true or false",
            (to, value) => TryBool(value, isOn => to.AgentTasks.ResumeAfterLoss = isOn)),
        new("WORKTREE_KEEP", "always", "whether the worktree of a task is kept at its end", "always, failed or never", ApplyWorktreeKeep),
        .. CleanupSettings,
        new(HomeName, "~/.orchestrator", "everything that is kept", "the path of a folder that this user may write", ApplyHome),
        new("BACKUP_MINUTES", "15", "from one backup of the database to the next; 0: none", "minutes, from 0 to 1440",
            (to, value) => TryTime(value, 60, 1440, time => to.Backups.Period = time, mayBeZero: true)),
        new("BACKUP_KEEP", "8", "how many of the newest backups are kept, beside one for each of the last seven days", "a whole number from 1 to 1000",
            (to, value) => TryInt(value, 1, 1000, keep => to.Backups.Keep = keep)),
        new("ACCESS", "local", "who may use the routes other than `POST /tasks`: programs on this machine, who signs, or everybody", "local, signed or open", ApplyAccess),
        new("BEHIND_PROXY", "false", "whether a proxy in front decides who comes in", "true or false",
            (to, value) => TryBool(value, isOn => to.Access.IsBehindProxy = isOn)),
        Refused("CF_ACCESS_TEAM_DOMAIN"),
        Refused("CF_ACCESS_AUD"),
        new("CALLBACK_ALLOW", "–", "origins that callbacks may go to whatever their address; others must be public", "origins such as https://example.com:8443, separated by commas", ApplyCallbackAllow),
        new("INTERNAL_AUTH_TOKEN", "–", "sent as `X-Internal-Auth` to the origins of `CALLBACK_ALLOW`", "printable ASCII characters", ApplyInternalAuth) { IsSecret = true },
        new("SCRIPT_AGENT", "the bundled demo agent", "the program behind `workerType: script`", "a program",
            (to, value) => TryText(value, program => to.Machine.ScriptAgent = program)),
        new("CLAUDE_COMMAND", "claude", "Claude Code", "a program", (to, value) => TryText(value, program => to.Machine.ClaudeCommand = program)),
        NotBuilt("CODEX_COMMAND"),
        NotBuilt("OPENCODE_COMMAND"),
        NotBuilt("GEMINI_COMMAND"),
        new("AGENT_ENV", string.Join(',', new MachineOptions().AgentEnvironment), "what agents get from the service's environment", "names of environment variables, separated by commas; none of DISPATCH_SECRET, INTERNAL_AUTH_TOKEN, GH_PRIVATE_KEY, TASK_…, ORCHESTRATOR_…",
            (to, value) => TryNames(value, AgentEnvironment.MayBeHandedOn, names => to.Machine.AgentEnvironment = names)),
        new("TASK_ENV_ALLOW", "–", "names that a task's `environment` may have", "names of environment variables, separated by commas; none of those that AGENT_ENV may not have, nor PATH, HOME, USER, SHELL, TMPDIR, IS_SANDBOX",
            (to, value) => TryNames(value, AgentEnvironment.MayBeAllowedToTask, names => to.Machine.TaskEnvironmentAllowed = names)),
        Refused("AGENT_USER"),
        new("ORCHESTRATOR_LOG_LEVEL", "information", "the least level that is logged", "trace, debug, information, warning, error, critical or none", ApplyLogLevel),
    ];

    /// <summary>A setting of the contract that nothing reads yet: it is accepted, and the start says so.</summary>
    private static Setting NotBuilt(string name) => new(name, "–", "not built yet: the start says that it is ignored", "anything", (to, _) =>
    {
        to.Ignored.Add(name);
        return true;
    });

    /// <summary>A setting that protects something: to go on without that protection would be a trap.</summary>
    private static Setting Refused(string name) => new(name, "–", "not built yet: refused, because it would protect nothing", "left out: what it turns on is not built yet", (_, _) => false);

    private static bool ApplyBind(OrchestratorSettings to, string value)
    {
        if (string.Equals(value, "localhost", StringComparison.OrdinalIgnoreCase)) value = "127.0.0.1";
        if (!IPAddress.TryParse(value, out var address)) return false;
        to.Server.Bind = address;
        return true;
    }

    private static bool ApplySecrets(OrchestratorSettings to, string value)
    {
        to.Dispatch.Secrets = Split(value);
        return to.Dispatch.Secrets.Count > 0;
    }

    private static bool ApplyGitUrl(OrchestratorSettings to, string value)
    {
        to.Machine.GitUrlTemplate = value;

        // git reads a leading "-" as an option, and ext:: as a command to run.
        return value.Contains("{repository}", StringComparison.Ordinal) && value[0] != '-' && !value.Contains("::", StringComparison.Ordinal);
    }

    private static bool ApplyRepository(OrchestratorSettings to, string value)
    {
        to.AgentTasks.DefaultRepository = value;
        return AgentTasks.TaskRequestRules.IsRepository(value);
    }

    private static bool ApplyWorktreeKeep(OrchestratorSettings to, string value) =>
        TryEnum<WorktreeKeep>(value, keep => to.AgentTasks.WorktreeKeep = keep);

    private static bool ApplyUsageLimitPatterns(OrchestratorSettings to, string value)
    {
        to.Machine.UsageLimitPatterns = value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return to.Machine.UsageLimitPatterns.All(UsageLimitRule.IsValid);
    }

    private static bool ApplyAccess(OrchestratorSettings to, string value) => TryEnum<AccessMode>(value, mode => to.Access.Mode = mode);

    private static bool ApplyLogLevel(OrchestratorSettings to, string value) => TryEnum<LogLevel>(value, level => to.Server.LogLevel = level);

    private static bool ApplyHome(OrchestratorSettings to, string value)
    {
        if (value.Contains('\0')) return false;
        if (value is "~" || value.StartsWith("~/", StringComparison.Ordinal))
            value = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + value[1..];
        to.Home = new(value);
        return true;
    }

    private static bool ApplyCallbackAllow(OrchestratorSettings to, string value)
    {
        var origins = Split(value);
        to.Callbacks.AllowedOrigins = origins;
        return origins.All(origin => Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri is { UserInfo: "", Query: "", Fragment: "", AbsolutePath: "/" } && CallbackAddress.HostOf(uri) is not null);
    }

    private static bool ApplyInternalAuth(OrchestratorSettings to, string value)
    {
        to.Callbacks.InternalAuthToken = value;
        return value.All(character => character is > ' ' and <= '~');
    }

    private static string[] Split(string value) => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static bool TryText(string value, Action<string> apply)
    {
        apply(value);
        return !value.Contains('\0');
    }

    private static bool TryNames(string value, Func<string, bool> mayBe, Action<IReadOnlyList<string>> apply)
    {
        var names = Split(value);
        apply(names);
        return names.All(name => EnvironmentName().IsMatch(name) && mayBe(name));
    }

    private static bool TryInt(string value, int min, int max, Action<int> apply)
    {
        if (!int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) || number < min || number > max) return false;
        apply(number);
        return true;
    }

    private static bool TryTime(string value, double unitSeconds, double max, Action<TimeSpan> apply, bool mayBeZero = false)
    {
        if (!double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
        if (number > max || !(mayBeZero ? number >= 0 : number > 0)) return false;
        apply(TimeSpan.FromSeconds(number * unitSeconds));
        return true;
    }

    private static bool TryAmount(string value, Action<double> apply)
    {
        if (!double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount) || !double.IsFinite(amount) || amount <= 0) return false;
        apply(amount);
        return true;
    }

    private static bool TryBool(string value, Action<bool> apply)
    {
        if (!bool.TryParse(value, out var isOn)) return false;
        apply(isOn);
        return true;
    }

    private static bool TryEnum<T>(string value, Action<T> apply)
        where T : struct, Enum
    {
        // Numbers are what Enum.TryParse reads beside names.
        if (!value.All(char.IsAsciiLetter) || !Enum.TryParse<T>(value, ignoreCase: true, out var found)) return false;
        apply(found);
        return true;
    }

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]*\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex EnvironmentName();
}
