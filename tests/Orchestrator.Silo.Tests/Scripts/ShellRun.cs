using System.Diagnostics;
using System.Text;
using Orchestrator.Testing;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary>How a script ended, and what it said.</summary>
internal sealed record ShellRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs bash in the repository's folder, with the environment of nobody.</summary>
    /// <param name="home"><c>ORCHESTRATOR_HOME</c>.</param>
    /// <param name="arguments">Of bash: a script's path and what it gets.</param>
    /// <param name="input">Its standard input; null: none.</param>
    /// <param name="variables">More of its environment; null: nothing.</param>
    public static async Task<ShellRun> BashAsync(
        string home, IReadOnlyList<string> arguments, byte[]? input = null, IReadOnlyDictionary<string, string>? variables = null)
    {
        var start = new ProcessStartInfo("bash", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            WorkingDirectory = RepositoryRoot.Path,
        };
        var path = Environment.GetEnvironmentVariable("PATH");
        start.Environment.Clear();
        start.Environment["PATH"] = path;
        start.Environment["HOME"] = home;
        start.Environment["ORCHESTRATOR_HOME"] = home;
        foreach (var (name, value) in variables ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var error = process.StandardError.ReadToEndAsync(timeout.Token);
            await WriteAsync(process.StandardInput.BaseStream, input ?? [], timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return new(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException exception)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"bash {string.Join(' ', arguments)} has not ended.", exception);
        }
    }

    /// <summary>Runs lines that use <c>scripts/lib.sh</c>.</summary>
    public static Task<ShellRun> LibraryAsync(string home, string lines, IReadOnlyDictionary<string, string>? variables = null) =>
        BashAsync(home, ["-c", $"set -euo pipefail\n. scripts/lib.sh\n{lines}"], variables: variables);

    private static async Task WriteAsync(Stream to, byte[] input, CancellationToken cancellationToken)
    {
        try
        {
            await to.WriteAsync(input, cancellationToken);
            to.Close();
        }
        catch (IOException)
        {
            // It ended without having read it all.
        }
    }
}
