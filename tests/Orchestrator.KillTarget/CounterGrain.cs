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

    /// <summary>Rows of many pages, so that a commit takes long enough for a kill to come in the middle of it.</summary>
    public string Filler { get; set; } = "";
}

public sealed class CounterGrain([PersistentState("kill-counter")] IPersistentState<CounterState> state, Output output) : Grain, ICounterGrain, IRemindable
{
    private CounterValue Value => new(state.State.Counter, state.Etag);

    public Task<CounterValue> Read() => Task.FromResult(Value);

    public async Task<CounterValue> Increment()
    {
        state.State.Counter++;
        state.State.Filler = new string('x', (int)(state.State.Counter * 7919 % 60_000));
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
