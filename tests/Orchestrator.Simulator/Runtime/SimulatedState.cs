using System.Text.Json;
using Orchestrator.Grains;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.Simulator.Runtime;

/// <summary>What is stored.</summary>
internal sealed class SimulatedStorage
{
    /// <summary>As Orchestrator.EmbeddedSilo/Storage/GrainStateSerializer.cs.</summary>
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = false, TypeInfoResolver = GrainStateJson.Resolver };

    private readonly Dictionary<(string Name, string Key), (object State, int Version)> _records = [];

    /// <summary>Told of every record that changes; null: it was, or is, not there.</summary>
    public Action<string, string, object?, object?>? Changed { get; set; }

    /// <summary>Whether states go through their JSON, so that a member that is not stored is missed.</summary>
    public bool IsSerialized { get; set; }

    public int VersionOf(string name, string key) => _records.TryGetValue((name, key), out var record) ? record.Version : 0;

    public T? Read<T>(string name, string key)
        where T : class => _records.TryGetValue((name, key), out var record) ? (T)record.State : null;

    /// <summary>The stored state as a new process reads it.</summary>
    public T? Load<T>(string name, string key)
        where T : class
    {
        if (Read<T>(name, key) is not { } state || !IsSerialized) return Read<T>(name, key);
        return JsonSerializer.Deserialize<T>(JsonSerializer.SerializeToUtf8Bytes(state, Json), Json)!;
    }

    public int Write(string name, string key, object? state)
    {
        var before = _records.TryGetValue((name, key), out var record) ? record : default;
        if (state is null) _records.Remove((name, key));
        else _records[(name, key)] = (state, before.Version + 1);
        Changed?.Invoke(name, key, before.State, state);
        return before.Version + 1;
    }
}

/// <summary>The state of one activation.</summary>
internal abstract class SimulatedState
{
    public abstract void Load();
}

/// <summary>As Orchestrator.EmbeddedSilo/Storage/PersistentState.cs: a write takes the state as it is when it is asked for, and is refused when somebody else wrote in between.</summary>
internal sealed class SimulatedState<T> : SimulatedState, IPersistentState<T>
    where T : class, new()
{
    private readonly Activation _activation;
    private readonly string _name;
    private int _version;

    public SimulatedState(Activation activation, string name)
    {
        (_activation, _name) = (activation, name);
        activation.States.Add(this);
    }

    public T State { get; set; } = new();

    public string? Etag => RecordExists ? $"{_version}" : null;

    public bool RecordExists { get; private set; }

    private World World => _activation.Silo.World;

    private string Label => $"{_activation.Name} {_name}";

    public override void Load()
    {
        var stored = World.Storage.Load<T>(_name, _activation.Key);
        (State, RecordExists, _version) = (stored ?? new(), stored is not null, World.Storage.VersionOf(_name, _activation.Key));
    }

    public Task ReadStateAsync()
    {
        var read = new Completion<bool>();
        World.Agenda.Add(new(ItemKind.Read, $"read {Label}", (fate, _) =>
        {
            if (fate == Fate.Failed)
            {
                read.Fail(new OrleansException("The storage cannot be read."));
                return;
            }

            Load();
            read.Complete(true);
        }));
        return read.Task;
    }

    public Task WriteStateAsync() => ChangeAsync("write", State);

    public Task ClearStateAsync() => ChangeAsync("clear", null);

    private Task<bool> ChangeAsync(string what, T? state)
    {
        var (changed, version) = (new Completion<bool>(), _version);
        World.Agenda.Add(new(ItemKind.Write, $"{what} {Label}", (fate, _) =>
        {
            if (fate == Fate.Failed)
            {
                changed.Fail(new OrleansException("The storage cannot be written."));
                return;
            }

            if (World.Storage.VersionOf(_name, _activation.Key) != version)
            {
                changed.Fail(new InconsistentStateException("Somebody else wrote in between."));
                return;
            }

            var written = Write(state, fate);
            if (fate == Fate.DoneThenFailed)
            {
                changed.Fail(new OrleansException("The storage did it, and says that it failed."));
                return;
            }

            (_version, RecordExists) = (written, state is not null);
            if (state is null) State = new();
            changed.Complete(true);
        })
        {
            Crash = number =>
            {
                if (number == 1 && World.Storage.VersionOf(_name, _activation.Key) == version) Write(state, Fate.DoneThenFailed);
            },
        });
        return changed.Task;
    }

    private int Write(T? state, Fate fate) =>
        World.Mutations.Forgets(_name, fate) ? _version + 1 : World.Storage.Write(_name, _activation.Key, World.Mutations.Change(state, fate));
}
