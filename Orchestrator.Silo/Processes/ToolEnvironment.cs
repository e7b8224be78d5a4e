namespace Orchestrator.Silo.Processes;

/// <summary>The environment that tools get: built up from few names, so that no secret of the service reaches a child by chance.</summary>
internal static class ToolEnvironment
{
    private static readonly string[] Names =
    [
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    ];

    private const UnixFileMode AnyExecute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The names that tools get, with the values that the service has, and the changes made.</summary>
    public static Dictionary<string, string> With(IReadOnlyDictionary<string, string?> changes)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in Names)
            if (Environment.GetEnvironmentVariable(name) is { } value) environment[name] = value;
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
            if (entry.Key is string name && name.StartsWith("LC_", StringComparison.Ordinal) && entry.Value is string value) environment[name] = value;
        foreach (var (name, value) in changes)
        {
            if (value is null) environment.Remove(name);
            else environment[name] = value;
        }

        return environment;
    }

    /// <summary>The file of a program: looked up in <c>PATH</c> alone, never in the working directory, as .NET would. Null: there is none.</summary>
    public static string? Find(string tool, string? path)
    {
        if (tool.Contains('/', StringComparison.Ordinal)) return System.IO.Path.IsPathRooted(tool) && IsExecutable(tool) ? tool : null;
        return (path ?? "/usr/local/bin:/usr/bin:/bin").Split(':')
            .Where(System.IO.Path.IsPathRooted)
            .Select(folder => System.IO.Path.Combine(folder, tool))
            .FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path) =>
        File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & AnyExecute) != UnixFileMode.None);
}
