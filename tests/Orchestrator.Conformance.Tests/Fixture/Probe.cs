using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance;

/// <summary>
/// What a test and the grains of one key tell each other beside their calls: grains record what happens and wait at gates, the test waits for
/// records and opens gates.
/// </summary>
public sealed class Probe
{
    private static readonly ConcurrentDictionary<string, Probe> All = new(StringComparer.Ordinal);

    private readonly Lock _gate = new();
    private readonly string _key;
    private readonly List<string> _log = [];
    private readonly List<(string What, int Times, TaskCompletionSource Reached)> _waits = [];
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _gates = new(StringComparer.Ordinal);

    private Probe(string key) => _key = key;

    /// <summary>Runs in the constructors of the key's activations.</summary>
    public Action? OnConstruct { get; set; }

    /// <summary>Runs in OnActivateAsync.</summary>
    public Func<ScriptedGrain, CancellationToken, Task>? OnActivate { get; set; }

    /// <summary>Runs in OnDeactivateAsync.</summary>
    public Func<ScriptedGrain, DeactivationReason, CancellationToken, Task>? OnDeactivate { get; set; }

    /// <summary>Runs in ReceiveReminder.</summary>
    public Func<ScriptedGrain, string, TickStatus, Task>? OnReminder { get; set; }

    /// <summary>All that was recorded.</summary>
    public string[] Log
    {
        get
        {
            lock (_gate) return [.. _log];
        }
    }

    /// <summary>The probe of that grain key.</summary>
    public static Probe Of(string key) => All.GetOrAdd(key, static key => new(key));

    /// <summary>Notes that something happened.</summary>
    public void Record(string what)
    {
        lock (_gate)
        {
            _log.Add(what);
            var count = _log.Count(entry => entry == what);
            foreach (var wait in _waits.Where(wait => wait.What == what && wait.Times <= count)) wait.Reached.TrySetResult();
        }
    }

    /// <summary>How often that was recorded.</summary>
    public int CountOf(string what) => Log.Count(entry => entry == what);

    /// <summary>Waits until that was recorded so many times in all.</summary>
    public Task Reached(string what, int times = 1, [CallerMemberName] string phase = "")
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_log.Count(entry => entry == what) >= times) return Task.CompletedTask;
            _waits.Add((what, times, reached));
        }

        return Wait.For(reached.Task, $"'{what}' {times} times from {_key}", () => $"Recorded: {string.Join(", ", Log)}", phase);
    }

    /// <summary>For grains: records that the gate was reached (as its name), and waits until the test opens it.</summary>
    public Task Gate(string name)
    {
        Record(name);
        return GateOf(name).Task.WaitAsync(Wait.Longest);
    }

    /// <summary>Opens a gate for all who wait there and will come.</summary>
    public void Open(string name) => GateOf(name).TrySetResult();

    private TaskCompletionSource GateOf(string name) =>
        _gates.GetOrAdd(name, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
