namespace Orchestrator.Silo.Processes;

/// <summary>A program to run once, by its argument list. Immutable: <c>with</c> makes a variant. Secrets go into <see cref="Environment"/> or <see cref="StandardInput"/>, never into arguments.</summary>
/// <param name="Tool">A name that is looked up in <c>PATH</c>, or an absolute path.</param>
/// <param name="Arguments">Its arguments, each handed over as it is.</param>
internal sealed record ToolCommand(string Tool, IReadOnlyList<string> Arguments)
{
    private static readonly Dictionary<string, string?> NoChanges = [];

    /// <summary>Where it runs; null: where the service does.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Changes to the small environment that every tool gets (<see cref="ToolEnvironment"/>): a null value removes a name.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = NoChanges;

    /// <summary>What it reads; null: nothing, its input is closed at once.</summary>
    public ReadOnlyMemory<byte>? StandardInput { get; init; }

    /// <summary>How long it may take before it and every process that it started are killed.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How much of each output is kept; the rest is read and dropped, and <see cref="ToolResult.IsCut"/> says so.</summary>
    public int OutputBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>What it does, for error texts: the first argument that is neither an option nor the value of one.</summary>
    public string Subcommand
    {
        get
        {
            for (var index = 0; index < Arguments.Count; index++)
            {
                if (Arguments[index] is "-c" or "-C" or "-S" or "-L" or "-f") index++;
                else if (!Arguments[index].StartsWith('-')) return Arguments[index];
            }

            return "";
        }
    }
}

/// <summary>How a tool ended.</summary>
/// <param name="ExitCode">Its exit code; 128 + n when signal n ended it.</param>
/// <param name="StandardOutput">What it wrote, read as UTF-8; bytes that are none become U+FFFD.</param>
/// <param name="StandardError">Likewise.</param>
/// <param name="IsCut">Whether one of them was longer than <see cref="ToolCommand.OutputBytesMax"/>.</param>
internal sealed record ToolResult(int ExitCode, string StandardOutput, string StandardError, bool IsCut = false);
