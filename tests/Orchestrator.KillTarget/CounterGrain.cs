using Orleans;
using Orleans.Runtime;

namespace Orchestrator.KillTarget;

public interface ICounterGrain : IGrainWithStringKey
{
    Task<CounterValue> Read();

    Task<CounterValue> Increment();

    Task Remind(string name, TimeSpan period);
}

/// <param name="Counter">How often the grain was written.</param>
/// <param name="Etag">Of the stored record; null when there is none.</param>
[GenerateSerializer]
public sealed record CounterValue(long Counter, string? Etag);

public sealed class CounterState
{
    public long Counter { get; set; }

    /// <summary>Makes rows large enough to fill pages, so that a kill can meet the tables' splits as well.</summary>
    public string Filler { get; set; } = "";
}

public sealed class CounterGrain([PersistentState("kill-counter")] IPersistentState<CounterState> state, Output output) : Grain, ICounterGrain, IRemindable
{
    private CounterValue Value => new(state.State.Counter, state.Etag);

    public Task<CounterValue> Read() => Task.FromResult(Value);

    public async Task<CounterValue> Increment()
    {
        state.State.Counter++;
        state.State.Filler = new string('x', (int)(state.State.Counter * 37 % 900));
        await state.WriteStateAsync();
        return Value;
    }

    public async Task Remind(string name, TimeSpan period) => await this.RegisterOrUpdateReminder(name, period, period);

    public Task ReceiveReminder(string reminderName, TickStatus status)
    {
        output.Write($"tick {this.GetPrimaryKeyString()} {reminderName}");
        return Task.CompletedTask;
    }
}
