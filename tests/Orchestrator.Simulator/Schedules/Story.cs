using Orchestrator.Grains.Capacity;
using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator;

/// <summary>Tells a schedule, one line for each step: what was decided, what ended by it, and where everything stands then.</summary>
internal sealed class Story
{
    private static readonly int ItemsShownMax = Environment.GetEnvironmentVariable("SIMULATE_FULL") is null ? 400 : 40_000;
    private readonly World _world;
    private readonly TextWriter _log;
    private readonly List<string> _ran = [];
    private string _decision = "";
    private int _number;

    public Story(World world, TextWriter log)
    {
        (_world, _log) = (world, log);
        world.Agenda.Running = (item, fate) => _ran.Add(fate == Fate.Done ? item.Label : $"{item.Label} ({fate})");
    }

    public void Begin(Decision decision) => Begin(decision.ToString());

    public void BeginCalm() => Begin("no more trouble");

    public void End(bool applies)
    {
        var ran = string.Join(", ", _ran);
        if (ran.Length > ItemsShownMax) ran = $"{ran[..(ItemsShownMax / 2)]} … {ran[^(ItemsShownMax / 2)..]}";
        _log.WriteLine($"{++_number,3}. {_world.Clock.Elapsed:hh\\:mm\\:ss} {_decision}{(applies ? "" : " (nothing)")}{(ran.Length == 0 ? "" : $": {ran}")}");
        _log.WriteLine($"     {Describe()}");
    }

    private void Begin(string decision)
    {
        _ran.Clear();
        _decision = decision;
    }

    private string Describe()
    {
        var tasks = _world.Scenario.Tasks.Select(task => _world.StateOf(task.TaskId)).OfType<Grains.AgentTasks.AgentTaskState>()
            .Select(state => $"{state.Facts.TaskId} {state.Phase}/{state.Status}{(state.Attempts.IsEmpty ? "" : $" a{state.Attempt.Number}")}{string.Concat(state.Callbacks.Select(debt => $" cb {debt.State}"))}");
        var leases = _world.Storage.Read<CapacityState>("capacity", "default")?.Leases.Select(lease => lease.TaskId) ?? [];
        return $"[{string.Join("; ", tasks)}] leases {string.Join(",", leases)} of {_world.Scenario.Slots}; {string.Join("; ", _world.Machine.Sessions)}";
    }
}
