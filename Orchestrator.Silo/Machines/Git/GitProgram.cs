using Microsoft.Extensions.Options;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Runs git (https://git-scm.com/docs, 2.31 or newer) with what every command of ours needs: no hooks, no file system monitor, no questions, English, a deadline.
/// </summary>
internal sealed class GitProgram(ToolRunner runner, IOptions<GitOptions> options)
{
    private static readonly string[] Always =
    [
        "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
        // Else the user's configuration could make git write an extension into the mirror's, which is ours (2.48 and newer).
        "-c", "worktree.useRelativePaths=false",
    ];

    private static readonly KeyValuePair<string, string?>[] Usual =
    [
        // Nobody sits here to answer: whoever asks for a password, a passphrase or a host key gets "no" at once.
        new("GIT_TERMINAL_PROMPT", "0"), new("SSH_ASKPASS", "false"), new("SSH_ASKPASS_REQUIRE", "force"), new("GCM_INTERACTIVE", "never"),
        new("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh"),
        // We read ref files and error texts.
        new("GIT_DEFAULT_REF_FORMAT", "files"), new("GIT_DEFAULT_HASH", "sha1"), new("LC_ALL", "C"), new("LANGUAGE", null),
    ];

    private static readonly KeyValuePair<string, string?>[] Isolated =
    [
        new("GIT_CONFIG_GLOBAL", "/dev/null"), new("GIT_CONFIG_NOSYSTEM", "1"), new("GIT_OPTIONAL_LOCKS", "0"), new("GIT_NO_REPLACE_OBJECTS", "1"),
    ];

    /// <summary>Runs a command in a repository.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="ToolFailedException">It failed or took too long.</exception>
    public async Task<string> RunAsync(GitCommand command, CancellationToken cancellationToken) => (await runner.RunAsync(Create(command), cancellationToken)).StandardOutput;

    /// <summary>Runs a command whose exit code says something.</summary>
    /// <exception cref="ToolFailedException">It took too long, or could not be started.</exception>
    public Task<ToolResult> TryRunAsync(GitCommand command, CancellationToken cancellationToken) => runner.TryRunAsync(Create(command), cancellationToken);

    private ToolCommand Create(GitCommand command)
    {
        List<string> arguments = [.. Always];
        if (command.GitFolder is not null) arguments.Add("--git-dir=" + command.GitFolder);
        if (command.WorkTree is not null) arguments.Add("--work-tree=" + command.WorkTree);
        arguments.AddRange(command.Arguments);
        return new(options.Value.Program, arguments)
        {
            WorkingDirectory = command.WorkTree ?? command.GitFolder ?? "/",
            Timeout = command.IsFetch ? options.Value.FetchTimeout : options.Value.CommandTimeout,
            Environment = new Dictionary<string, string?>([.. Usual, .. command.IsIsolated ? Isolated : [], .. command.Environment]),
        };
    }
}

/// <summary>One git command.</summary>
/// <param name="GitFolder">The mirror, or a worktree's folder in it; null: no repository.</param>
/// <param name="Arguments">The command and its arguments.</param>
internal sealed record GitCommand(string? GitFolder, params IReadOnlyList<string> Arguments)
{
    /// <summary>The folder with the files; null when the command needs none.</summary>
    public string? WorkTree { get; init; }

    /// <summary>Whether it talks to the remote: a longer deadline.</summary>
    public bool IsFetch { get; init; }

    /// <summary>
    /// Whether to read nobody's configuration but the mirror's, which is ours: then there is no filter, diff or signature program that could run, whatever
    /// an agent wrote into its attributes, its repository's configuration, or its user's.
    /// </summary>
    public bool IsIsolated { get; init; }

    /// <summary>More of the environment.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Environment { get; init; } = [];
}
