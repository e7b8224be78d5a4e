using System.Text;
using Orchestrator.Testing.Service;

namespace Orchestrator.Torture.Driving;

/// <summary>Secrets of one service, and where they were seen that must not be.</summary>
internal sealed class Secrets(string webhook)
{
    /// <summary>A key in the service's environment that is not on the list of those that agents get.</summary>
    public const string WithheldName = "CANARY_API_KEY";

    /// <summary>A key that agents do get.</summary>
    public const string AgentsName = "ANTHROPIC_API_KEY";

    private readonly HashSet<string> _found = new(StringComparer.Ordinal);

    public string Dispatch { get; } = "dispatch-secret-" + Guid.NewGuid().ToString("N");

    public string Withheld { get; } = "withheld-canary-" + Guid.NewGuid().ToString("N");

    public string Agents { get; } = "agents-canary-" + Guid.NewGuid().ToString("N");

    public IReadOnlyList<string> Found => [.. _found];

    private IEnumerable<(string Name, string Value)> All => [("the dispatch secret", Dispatch), ("a webhook secret", webhook), ("a withheld key", Withheld), ("an agent's key", Agents)];

    /// <summary>Command lines of all processes, and the environments of those of sessions.</summary>
    public void LookAtProcesses(ServicePlace place)
    {
        foreach (var pid in MachineProcess.All()) Look(MachineProcess.CommandLineOf(pid), All, $"the command line of process {pid}");
        foreach (var pid in place.SessionProcesses())
            Look(MachineProcess.EnvironmentOf(pid), All.Where(secret => secret.Value != Agents), $"the environment of process {pid} of a session");
    }

    /// <summary>Every file of the home, and the log. The database keeps webhook secrets, which callbacks are signed with.</summary>
    public void LookAtFiles(ServicePlace place, IEnumerable<string> log)
    {
        foreach (var path in Directory.EnumerateFiles(place.Home, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
        {
            var isDatabase = Path.GetFileName(path).Contains(".db", StringComparison.Ordinal);
            if (TryRead(path) is { } text) Look(text, All.Where(secret => !isDatabase || secret.Value != webhook), Path.GetRelativePath(place.Home, path));
        }

        Look(string.Join('\n', log), All, "the log");
    }

    private void Look(string text, IEnumerable<(string Name, string Value)> secrets, string where)
    {
        foreach (var (name, value) in secrets)
        {
            if (text.Contains(value, StringComparison.Ordinal) || text.Contains(Convert.ToBase64String(Encoding.UTF8.GetBytes(value))[..^4], StringComparison.Ordinal)) _found.Add($"{name} is in {where}.");
        }
    }

    private static string? TryRead(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file, Encoding.Latin1);
            return reader.ReadToEnd();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A lock that is held, or gone meanwhile.
            return null;
        }
    }
}
