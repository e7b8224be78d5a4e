namespace Orchestrator.Torture.Fuzzing;

/// <summary>Something that takes input from outside.</summary>
/// <param name="Name">For reports and <c>--only</c>.</param>
/// <param name="Try">Makes one input and looks at what comes of it: null when that is right, else what is wrong. Whatever it throws is wrong, too.</param>
internal sealed record FuzzTarget(string Name, Func<Random, string?> Try)
{
    /// <summary>Those that are tried one input at a time.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("signatures", new SignatureFuzz().Try),
        new("requests", RequestFuzz.Try),
        new("ids", NameFuzz.TryTaskId),
        new("repositories", NameFuzz.TryRepository),
        new("branches", NameFuzz.TryBranch),
        new("urls", new UrlFuzz().Try),
        new("cursors", NameFuzz.TryCursor),
        new("agent-output", OutputFuzz.TryReaders),
        new("result-blocks", OutputFuzz.TryBlocks),
        new("session-files", SessionFileFuzz.Try),
    ];

    /// <returns>What was found first; null: nothing.</returns>
    public string? Run(int seed, int count, Action<int>? progress = null)
    {
        for (var i = 0; i < count; i++)
        {
            if (i % 50_000 == 0) progress?.Invoke(i);
            var inputSeed = unchecked(seed * 31 + i);
            try
            {
                if (Try(new Random(inputSeed)) is { } wrong) return $"{Name}, seed {inputSeed}: {wrong}";
            }
            catch (Exception exception)
            {
                // A parser of ours never throws at its input: that is what is looked for.
                return $"{Name}, seed {inputSeed}: {exception}";
            }
        }

        return null;
    }
}
