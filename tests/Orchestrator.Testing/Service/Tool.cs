using System.Diagnostics;

namespace Orchestrator.Testing.Service;

/// <summary>Programs that tests run: git, tmux, kill. Git sees no configuration of the machine.</summary>
public static class Tool
{
    /// <summary>Runs it to its end.</summary>
    /// <returns>Its standard output, without the last line end.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public static string Run(string program, params IReadOnlyList<string> arguments)
    {
        var (exitCode, output, error) = TryRun(program, arguments);
        return exitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exitCode}: {error}");
    }

    /// <summary>Runs it to its end, however that is.</summary>
    public static (int ExitCode, string Output, string Error) TryRun(string program, params IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        foreach (var who in (string[])["AUTHOR", "COMMITTER"]) (start.Environment[$"GIT_{who}_NAME"], start.Environment[$"GIT_{who}_EMAIL"]) = ("Test", "test@localhost");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.TrimEnd('\n'), error.GetAwaiter().GetResult().TrimEnd('\n'));
    }
}
