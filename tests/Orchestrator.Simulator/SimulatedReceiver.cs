using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator;

/// <summary>
/// Whoever gets the callbacks, and the way to it. As Orchestrator.Silo/Callbacks/CallbackTransport.cs: a try that is under way is not begun again, its end is reported, and a first success wakes whoever waits
/// (<c>CallbackOrigins</c>, all of one origin here).
/// </summary>
internal sealed class SimulatedReceiver(World world) : ICallbackTransport
{
    private static readonly int?[] Refusals = [null, 500, 503, 401, 404, 408, 425, 429, 302, 400, 410];
    private readonly HashSet<string> _underWay = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _waiting = new(StringComparer.Ordinal);

    /// <summary>What it took, in order.</summary>
    public List<(string TaskId, OwedCallback Callback)> Accepted { get; } = [];

    /// <summary>By the steady clock; until then nobody answers.</summary>
    public TimeSpan DownUntil { get; set; }

    public void BeginTry(string taskId, OwedCallback callback)
    {
        if (!_underWay.Add(callback.Id)) return;
        var (at, silo) = (world.Clock.GetUtcNow(), world.Silo);
        world.Agenda.Add(new(ItemKind.Try, $"try {callback.Id}", (fate, number) =>
        {
            _underWay.Remove(callback.Id);
            var result = Answer(taskId, callback, at, fate, number);
            _ = silo.GetGrain<ICallbackGrain>(taskId).TryEnded(callback.Id, result);
            foreach (var waiting in Wake(taskId, result)) _ = silo.GetGrain<ICallbackGrain>(waiting).Wake();
        })
        {
            Crash = number =>
            {
                if (number == 1) Take(taskId, callback);
            },
        });
    }

    /// <summary>What the service knew of it is gone.</summary>
    public void Crash()
    {
        _underWay.Clear();
        _waiting.Clear();
    }

    private CallbackTry Answer(string taskId, OwedCallback callback, DateTimeOffset at, Fate fate, int number)
    {
        if (world.Clock.Elapsed < DownUntil) return new(at, null, "Nobody answers.");
        if (fate == Fate.Failed)
        {
            var status = Refusals[number % Refusals.Length];
            return new(at, status, "No.", IsFinal: number % 64 == 1, RetryAfterSeconds: status == 429 ? number % 7200 : null);
        }

        if (world.Mutations.Mutant != Mutant.AnswerMadeUp) Take(taskId, callback);
        return fate == Fate.DoneThenFailed ? new(at, null, "The answer was lost.") : new(at, 200, null);
    }

    private void Take(string taskId, OwedCallback callback)
    {
        Accepted.Add((taskId, callback));
        world.Invariants.CallbackTaken(taskId, callback);
    }

    private string[] Wake(string taskId, CallbackTry result)
    {
        if (result is { IsFinal: false, Status: not (>= 200 and < 300) })
        {
            _waiting.Add(taskId);
            return [];
        }

        _waiting.Remove(taskId);
        if (result.IsFinal) return [];
        var woken = _waiting.ToArray();
        _waiting.Clear();
        return woken;
    }
}
