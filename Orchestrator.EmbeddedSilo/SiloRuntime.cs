using Microsoft.Extensions.Logging;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Calls;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orchestrator.EmbeddedSilo.Reminders;
using Orchestrator.EmbeddedSilo.Startup;
using Orleans;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo;

/// <summary>What all parts of one silo share, and the way of a call from its sender to a queue.</summary>
internal sealed class SiloRuntime
{
    private volatile SiloState _state;

    public SiloRuntime(
        IServiceProvider services,
        TimeProvider clock,
        GrainRegistry registry,
        GrainCollectionOptions collection,
        TimeSpan responseTimeout,
        IEnumerable<IIncomingGrainCallFilter> filters,
        ILogger log)
    {
        (Services, Clock, Registry, Collection, ResponseTimeout, Log) = (services, clock, registry, collection, responseTimeout, log);
        Filters = [.. filters];
        Catalog = new(this);
        References = new(this);
    }

    public IServiceProvider Services { get; }

    public TimeProvider Clock { get; }

    public GrainRegistry Registry { get; }

    public GrainCollectionOptions Collection { get; }

    public TimeSpan ResponseTimeout { get; }

    public IIncomingGrainCallFilter[] Filters { get; }

    public ILogger Log { get; }

    public ActivationCatalog Catalog { get; }

    public GrainReferenceFactory References { get; }

    /// <summary>Null when no reminder service is configured.</summary>
    public ReminderService? Reminders { get; set; }

    public SiloState State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>Sends a call through a reference.</summary>
    public void Send(GrainReference reference, GrainCall call)
    {
        Stamp(call);
        if (reference.LastActivation is { } last && _state == SiloState.Running && !call.IsAnswered && last.TryEnqueue(call)) return;
        reference.LastActivation = Enqueue(reference.GrainId, call);
    }

    /// <summary>Sends a call of the runtime's own.</summary>
    public void Send(GrainId grainId, GrainCall call)
    {
        Stamp(call);
        Enqueue(grainId, call);
    }

    /// <summary>Sends a call on that waited in the queue of an activation that is gone.</summary>
    public void Forward(GrainCall call) => Enqueue(call.Target!.GrainId, call);

    private static void Stamp(GrainCall call)
    {
        call.Sender = Activation.Current;
        call.ReentrancyId = RequestContext.ReentrancyId;
        call.WatchCancellation();
    }

    private Activation? Enqueue(GrainId grainId, GrainCall call)
    {
        while (!call.IsAnswered)
        {
            // While the silo stops, grains may still call each other to finish what they do.
            if (_state != SiloState.Running && !(_state == SiloState.Stopping && call.Sender is not null))
            {
                call.TryFail(new SiloUnavailableException($"{call.Method} of {grainId} was not called: the silo is {_state.ToString().ToLowerInvariant()}."));
                return null;
            }

            var activation = Catalog.FindOrAdd(grainId);
            if (activation.TryEnqueue(call)) return activation;
        }

        return null;
    }
}

/// <summary>What a silo goes through.</summary>
internal enum SiloState
{
    Starting,
    Running,
    Stopping,
    Stopped,
}
