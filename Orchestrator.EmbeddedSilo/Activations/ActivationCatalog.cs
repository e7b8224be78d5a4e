using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Activations;

/// <summary>All activations, by grain. There is one at most for each grain, because it is found or made here in one step.</summary>
internal sealed class ActivationCatalog(SiloRuntime runtime)
{
    private readonly ConcurrentDictionary<GrainId, Activation> _activations = new();

    public int Count => _activations.Count;

    public IEnumerable<Activation> Enumerate()
    {
        // Unlike Values, this takes no lock on the whole table and copies nothing.
        foreach (var (_, activation) in _activations) yield return activation;
    }

    public bool TryFind(GrainId id, [MaybeNullWhen(false)] out Activation activation) => _activations.TryGetValue(id, out activation);

    public Activation FindOrAdd(GrainId id) => _activations.TryGetValue(id, out var activation)
        ? activation
        : _activations.GetOrAdd(id, static (id, runtime) => new Activation(runtime, runtime.Registry.ClassOf(id), id), runtime);

    public void Remove(Activation activation) => _activations.TryRemove(new(activation.GrainId, activation));

    /// <summary>Deactivates everything, in rounds, as grains that end may still call others. Returns when nothing is left.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        while (!_activations.IsEmpty)
        {
            var round = Enumerate().ToList();
            foreach (var activation in round)
                activation.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The silo stops."), cancellationToken);
            await Task.WhenAll(round.Select(activation => activation.Deactivated)).WaitAsync(cancellationToken);
        }
    }
}
