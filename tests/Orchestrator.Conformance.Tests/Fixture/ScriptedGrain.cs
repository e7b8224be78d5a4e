using System.Collections.Concurrent;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orchestrator.Conformance;

/// <summary>
/// A grain that runs pieces of code which the test handed in, so that a test reads in one place. The calls carry only the name of a script: what
/// they test is how calls travel, not what they do. <see cref="Script"/> has the methods that tests use.
/// </summary>
public interface IScripted : IGrainWithStringKey
{
    Task Run(string script);

    Task RunCancellable(string script, CancellationToken cancellationToken);

    [AlwaysInterleave]
    Task RunInterleaved(string script);

    [ReadOnly]
    Task RunReadOnly(string script);

    [OneWay]
    Task RunOneWay(string script);

    IAsyncEnumerable<int> Items(string script, CancellationToken cancellationToken);
}

/// <summary>A grain without attributes.</summary>
public interface IPlainGrain : IScripted;

/// <summary>A grain that can be reminded.</summary>
public interface IRemindedGrain : IScripted;

/// <summary>A grain with [Reentrant].</summary>
public interface IReentrantGrain : IScripted;

/// <summary>A grain with [MayInterleave]: scripts whose name starts with "may".</summary>
public interface IMayInterleaveGrain : IScripted;

/// <summary>A grain with [KeepAlive].</summary>
public interface IKeepAliveGrain : IScripted;

public abstract class ScriptedGrain : Grain, IScripted
{
    private static int _lastNumber;

    protected ScriptedGrain()
    {
        Probe.Record("constructed");
        Probe.OnConstruct?.Invoke();
    }

    /// <summary>Tells activations apart.</summary>
    public int Number { get; } = Interlocked.Increment(ref _lastNumber);

    public string Key => this.GetPrimaryKeyString();

    public Probe Probe => Probe.Of(Key);

    public IGrainFactory Grains => GrainFactory;

    public IServiceProvider Services => ServiceProvider;

    public void Leave() => DeactivateOnIdle();

    public void StayFor(TimeSpan time) => DelayDeactivation(time);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Probe.OnActivate is { } script) await script(this, cancellationToken);
        Probe.Record("activated");
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        Probe.Record($"deactivated {reason.ReasonCode}");
        if (Probe.OnDeactivate is { } script) await script(this, reason, cancellationToken);
        Probe.Record("deactivated");
    }

    public Task Run(string script) => Script.Named(script)(this, default);

    public Task RunCancellable(string script, CancellationToken cancellationToken) => Script.Named(script)(this, cancellationToken);

    public Task RunInterleaved(string script) => Run(script);

    public Task RunReadOnly(string script) => Run(script);

    public Task RunOneWay(string script) => Run(script);

    public IAsyncEnumerable<int> Items(string script, CancellationToken cancellationToken) => Script.NamedStream(script)(this, cancellationToken);
}

public sealed class PlainGrain : ScriptedGrain, IPlainGrain;

public sealed class RemindedGrain : ScriptedGrain, IRemindedGrain, IRemindable
{
    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        try
        {
            if (Probe.OnReminder is { } script) await script(this, reminderName, status);
        }
        finally
        {
            Probe.Record($"reminded {reminderName}");
        }
    }
}

[Reentrant]
public sealed class ReentrantGrain : ScriptedGrain, IReentrantGrain;

[MayInterleave(nameof(MayInterleave))]
public sealed class MayInterleaveGrain : ScriptedGrain, IMayInterleaveGrain
{
    public static bool MayInterleave(IInvokable request) =>
        request.GetArgument(0) is string script && script.StartsWith("may", StringComparison.Ordinal);
}

[KeepAlive]
public sealed class KeepAliveGrain : ScriptedGrain, IKeepAliveGrain;

/// <summary>Calls a scripted grain with code to run there.</summary>
public static class Script
{
    private static readonly ConcurrentDictionary<string, Func<ScriptedGrain, CancellationToken, Task>> Scripts = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<string, Func<ScriptedGrain, CancellationToken, IAsyncEnumerable<int>>> Streams = new(StringComparer.Ordinal);
    private static int _last;

    public static Func<ScriptedGrain, CancellationToken, Task> Named(string name) => Scripts[name];

    public static Func<ScriptedGrain, CancellationToken, IAsyncEnumerable<int>> NamedStream(string name) => Streams[name];

    /// <summary>Keeps a script for a call that the test makes itself.</summary>
    public static string Add(Func<ScriptedGrain, Task> script, string prefix = "script") => Add((grain, _) => script(grain), prefix);

    public static string Add(Func<ScriptedGrain, CancellationToken, Task> script, string prefix = "script")
    {
        var name = $"{prefix}-{Interlocked.Increment(ref _last)}";
        Scripts[name] = script;
        return name;
    }

    public static Task Do(this IScripted grain, Func<ScriptedGrain, Task> script) => grain.Run(Add(script));

    public static Task Do(this IScripted grain, Action<ScriptedGrain> script) => grain.Run(Add(Async(script)));

    public static Task DoCancellable(this IScripted grain, Func<ScriptedGrain, CancellationToken, Task> script, CancellationToken cancellationToken) =>
        grain.RunCancellable(Add(script), cancellationToken);

    public static Task DoInterleaved(this IScripted grain, Func<ScriptedGrain, Task> script) => grain.RunInterleaved(Add(script));

    public static Task DoInterleaved(this IScripted grain, Action<ScriptedGrain> script) => grain.RunInterleaved(Add(Async(script)));

    public static Task DoReadOnly(this IScripted grain, Func<ScriptedGrain, Task> script) => grain.RunReadOnly(Add(script));

    public static Task DoReadOnly(this IScripted grain, Action<ScriptedGrain> script) => grain.RunReadOnly(Add(Async(script)));

    public static Task DoOneWay(this IScripted grain, Func<ScriptedGrain, Task> script) => grain.RunOneWay(Add(script));

    /// <summary>The value is handed over in memory, beside the call's result.</summary>
    public static async Task<T> Ask<T>(this IScripted grain, Func<ScriptedGrain, Task<T>> script)
    {
        T answer = default!;
        await grain.Do(async self => answer = await script(self));
        return answer;
    }

    /// <inheritdoc cref="Ask{T}" />
    public static async Task<T> Get<T>(this IScripted grain, Func<ScriptedGrain, T> script)
    {
        T answer = default!;
        await grain.Do(self => { answer = script(self); });
        return answer;
    }

    /// <summary>Which activation answers.</summary>
    public static Task<int> Activation(this IScripted grain) => grain.Get(self => self.Number);

    public static IAsyncEnumerable<int> Stream(
        this IScripted grain, Func<ScriptedGrain, CancellationToken, IAsyncEnumerable<int>> script, CancellationToken cancellationToken = default)
    {
        var name = $"stream-{Interlocked.Increment(ref _last)}";
        Streams[name] = script;
        return grain.Items(name, cancellationToken);
    }

    private static Func<ScriptedGrain, Task> Async(Action<ScriptedGrain> script) => grain =>
    {
        script(grain);
        return Task.CompletedTask;
    };
}
