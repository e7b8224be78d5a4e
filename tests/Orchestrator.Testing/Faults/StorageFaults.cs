using System.Globalization;

namespace Orchestrator.Testing.Faults;

/// <summary>What goes wrong at one access to storage.</summary>
public enum StorageFaultKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Nothing is done, and whoever asked is told after a while.</summary>
    TimesOut,

    /// <summary>Nothing is done, and whoever asked is told at once.</summary>
    IsBusy,

    /// <summary>It is done, and whoever asked is told that it failed: so it is when an answer is lost.</summary>
    DoneAndFails,
}

/// <summary>
/// Lets accesses to storage fail, by a rate and a seed: <c>STORAGE_FAULTS=0.1:42</c> in the environment. The same seed gives the same sequence of faults; which access meets which depends on how
/// threads come.
/// </summary>
/// <param name="rate">How many of them, from 0 to 1.</param>
/// <param name="seed">Of the sequence.</param>
public sealed class StorageFaults(double rate, int seed)
{
    /// <summary>The variable.</summary>
    public const string VariableName = "STORAGE_FAULTS";

    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);
    private readonly int[] _counts = new int[4];

    /// <summary>How many of them fail, from 0 to 1.</summary>
    public double Rate => rate;

    /// <summary>Of the sequence.</summary>
    public int Seed => seed;

    /// <summary>Nothing fails while false.</summary>
    public bool IsOn { get; set; } = true;

    /// <summary>Makes the exception that the storage would throw; the message says what was made of it.</summary>
    public Func<string, Exception> Failure { get; init; } = message => new IOException(message);

    /// <summary>By the environment; null when nothing is to fail.</summary>
    public static StorageFaults? FromEnvironment(Func<string, Exception> failure)
    {
        if (Environment.GetEnvironmentVariable(VariableName) is not { Length: > 0 } text) return null;
        var (rate, seed) = Parse(text);
        return new(rate, seed) { Failure = failure };
    }

    /// <summary>Of <c>rate:seed</c>; without a seed, one is made up.</summary>
    public static (double Rate, int Seed) Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':');
        return (double.Parse(parts[0], CultureInfo.InvariantCulture), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : Random.Shared.Next());
    }

    /// <summary>What happened so far, by kind.</summary>
    public override string ToString()
    {
        lock (_gate)
        {
            return string.Create(CultureInfo.InvariantCulture,
                $"STORAGE_FAULTS={rate}:{seed}: {_counts[0]} went well, {_counts[1]} timed out, {_counts[2]} were busy, {_counts[3]} were done and failed");
        }
    }

    /// <summary>Runs a write, or does not, or does and says that it failed.</summary>
    public async Task WriteAsync(Func<Task> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        await WriteAsync(async () =>
        {
            await write();
            return true;
        });
    }

    /// <summary>Runs a write, or does not, or does and says that it failed.</summary>
    public async Task<T> WriteAsync<T>(Func<Task<T>> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var kind = Next(isRead: false);
        await FailInsteadAsync(kind);
        var result = await write();
        return kind == StorageFaultKind.DoneAndFails ? throw Failure("The answer was lost; the write was done.") : result;
    }

    /// <summary>Runs a read, or does not.</summary>
    public async Task ReadAsync(Func<Task> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        await FailInsteadAsync(Next(isRead: true));
        await read();
    }

    /// <summary>The next one. Reads have nothing that could be done and fail.</summary>
    public StorageFaultKind Next(bool isRead)
    {
        lock (_gate)
        {
            var isFault = IsOn && _random.NextDouble() < rate;
            var kind = isFault ? (StorageFaultKind)_random.Next(1, isRead ? 3 : 4) : StorageFaultKind.None;
            _counts[(int)kind]++;
            return kind;
        }
    }

    private async Task FailInsteadAsync(StorageFaultKind kind)
    {
        if (kind == StorageFaultKind.IsBusy) throw Failure("The storage is busy; nothing was done.");
        if (kind != StorageFaultKind.TimesOut) return;

        // As short as it may be: that something else comes between is what counts.
        await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        throw Failure("The storage did not answer in time; nothing was done.");
    }
}
