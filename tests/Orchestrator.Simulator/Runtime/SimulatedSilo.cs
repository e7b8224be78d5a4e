using System.Reflection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Simulator.Runtime;

/// <summary>A grain class, and how its grains are made: by the constructor that the silos call, too.</summary>
internal sealed class GrainClass
{
    private readonly string _prefix;
    private readonly ConstructorInvoker _constructor;
    private readonly Func<Activation, object>[] _arguments;

    private GrainClass(Type type, Type grainInterface, string prefix)
    {
        (Interface, _prefix) = (grainInterface, prefix);
        IsKeptAlive = type.GetCustomAttribute<KeepAliveAttribute>() is not null;
        var constructor = type.GetConstructors().Single();
        _constructor = ConstructorInvoker.Create(constructor);
        _arguments = [.. constructor.GetParameters().Select(ArgumentOf)];
    }

    public static GrainClass AgentTask { get; } = new(typeof(AgentTaskGrain), typeof(IAgentTaskGrain), "");

    public static GrainClass Capacity { get; } = new(typeof(CapacityGrain), typeof(ICapacityGrain), "pool ");

    public static GrainClass Callback { get; } = new(typeof(CallbackGrain), typeof(ICallbackGrain), "cb ");

    public Type Interface { get; }

    public bool IsKeptAlive { get; }

    public static GrainClass? Of(Type grainInterface) =>
        grainInterface == typeof(IAgentTaskGrain) ? AgentTask : grainInterface == typeof(ICapacityGrain) ? Capacity : grainInterface == typeof(ICallbackGrain) ? Callback : null;

    public string NameOf(string key) => _prefix + key;

    public Grain Create(Activation activation)
    {
        activation.States.Clear();
        var arguments = new object?[_arguments.Length];
        for (var i = 0; i < arguments.Length; i++) arguments[i] = _arguments[i](activation);
        return (Grain)_constructor.Invoke(arguments.AsSpan());
    }

    private static Func<Activation, object> ArgumentOf(ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (parameter.GetCustomAttribute<PersistentStateAttribute>() is { } attribute)
        {
            var state = typeof(SimulatedState<>).MakeGenericType(type.GetGenericArguments()[0]).GetConstructors().Single();
            return activation => state.Invoke([activation, attribute.StateName]);
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ILogger<>))
        {
            var logger = typeof(NullLogger<>).MakeGenericType(type.GetGenericArguments()[0]).GetField(nameof(NullLogger<>.Instance))!.GetValue(null)!;
            return _ => logger;
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IOptions<>)) return activation => activation.Silo.World.OptionsOf(type.GetGenericArguments()[0]);
        return activation => activation.Silo.World.ServiceOf(type);
    }
}

/// <summary>One life of the service: its grains, and the calls between them. Each restart makes another one; what the former was at never goes on.</summary>
internal sealed class SimulatedSilo : IGrainFactory
{
    private static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(30);
    private readonly Dictionary<(Type Interface, string Key), Activation> _activations = [];
    private readonly Dictionary<(Type Interface, string Key), object> _references = [];

    public SimulatedSilo(World world)
    {
        World = world;
        Reminders = new SimulatedReminders(this);
    }

    public World World { get; }

    public SimulatedReminders Reminders { get; }

    public IEnumerable<Activation> Activations => _activations.Values;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey
    {
        if (!_references.TryGetValue((typeof(TGrainInterface), primaryKey), out var reference))
            _references.Add((typeof(TGrainInterface), primaryKey), reference = SimulatedReference.Create(this, typeof(TGrainInterface), primaryKey));
        return (TGrainInterface)reference;
    }

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => throw new NotSupportedException();

    /// <summary>Sends a call; it is delivered when a schedule says so.</summary>
    public Task Send(Type grainInterface, string key, GrainMethod method, object?[] arguments)
    {
        if (World.Mutations.Swallows(method, key, ref arguments)) return Task.CompletedTask;
        var grainClass = GrainClass.Of(grainInterface);
        var label = $"{method.Name} {grainClass?.NameOf(key) ?? KeyOf(arguments)}";
        if (method.IsOneWay)
        {
            var oneWay = new Call(label, grain => method.Invoke(grain, arguments), null) { Method = method.Name };
            World.Agenda.Add(new(ItemKind.OneWay, label, (fate, _) =>
            {
                for (var times = fate switch { Fate.Lost => 0, Fate.Doubled => 2, _ => 1 }; times > 0; times--) World.Silo.Deliver(grainClass, key, oneWay);
            }));
            return Task.CompletedTask;
        }

        var answer = method.CreateCompletion();
        var call = new Call(label, grain => method.Invoke(grain, arguments), answer) { Method = method.Name };
        World.Agenda.Add(new(ItemKind.Call, label, (fate, _) =>
        {
            Deliver(grainClass, key, call);
            if (fate == Fate.DoneThenFailed) answer.Fail(new TimeoutException("No answer came in time."));
        })
        {
            // In a busy grain's queue calls wait, and none overtakes those before it: one that its caller has given up is not left alone for long.
            SecondsMax = grainClass is null ? 0 : 20,
        });
        var overdue = World.Clock.Set($"no answer {label}", ResponseTimeout, () => answer.Fail(new TimeoutException("No answer came in time.")), isEndless: true);
        answer.Over = () => World.Clock.Remove(overdue);
        return answer.Task;
    }

    /// <param name="grainClass">Null: the machine.</param>
    /// <param name="key">The grain's.</param>
    /// <param name="call">What is called.</param>
    public void Deliver(GrainClass? grainClass, string key, Call call)
    {
        if (grainClass is null)
        {
            Answer(call, call.Begin(World.Machine.JobsOf(this)));
            return;
        }

        if (!_activations.TryGetValue((grainClass.Interface, key), out var activation))
        {
            _activations.Add((grainClass.Interface, key), activation = new Activation(this, grainClass, key));
            activation.Load();
        }

        activation.Enqueue(call);
    }

    public void Answer(Call call, Task ended)
    {
        if (call.Answer is not { IsOver: false } answer) return;
        World.Agenda.Add(new(ItemKind.Answer, $"answer {call.Label}", (fate, _) =>
        {
            if (fate == Fate.Failed) answer.Fail(new TimeoutException("The answer was lost."));
            else answer.Complete(ended);
        }));
    }

    public void Remove(Activation activation, GrainClass grainClass) => _activations.Remove((grainClass.Interface, activation.Key));

    private static string KeyOf(object?[] arguments) => arguments[0] switch
    {
        SessionName session => session.ToString(),
        SessionRequest request => request.Session.ToString(),
        WorktreeRequest request => request.Session.ToString(),
        _ => "machine",
    };
}
