using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance.State;

[GenerateSerializer]
public sealed class Notes
{
    [Id(0)]
    public string Text { get; set; } = "new";

    [Id(1)]
    public List<int> Numbers { get; set; } = [];
}

/// <summary>A scripted grain with two states.</summary>
public interface INotesGrain : IScripted;

public sealed class NotesGrain(
    [PersistentState("notes", SiloFixture.StorageName)] IPersistentState<Notes> first,
    [PersistentState("moreNotes", SiloFixture.StorageName)] IPersistentState<Notes> second) : ScriptedGrain, INotesGrain
{
    public IPersistentState<Notes> First => first;

    public IPersistentState<Notes> Second => second;
}

/// <summary>Another class with the same keys and a state of its own.</summary>
public interface IOtherNotesGrain : IScripted;

public sealed class OtherNotesGrain([PersistentState("otherNotes", SiloFixture.StorageName)] IPersistentState<Notes> first)
    : ScriptedGrain, IOtherNotesGrain
{
    public IPersistentState<Notes> First => first;
}

/// <summary>Short ways to the states of a grain.</summary>
internal static class NotesScript
{
    public static Task WithState(this INotesGrain grain, Func<IPersistentState<Notes>, Task> script) => grain.Do(self => script(((NotesGrain)self).First));

    public static Task<T> FromState<T>(this INotesGrain grain, Func<IPersistentState<Notes>, T> script) => grain.Get(self => script(((NotesGrain)self).First));

    public static Task Save(this INotesGrain grain, string text) => grain.WithState(state =>
    {
        state.State.Text = text;
        return state.WriteStateAsync();
    });

    public static Task<string> Text(this INotesGrain grain) => grain.FromState(state => state.State.Text);

    /// <summary>Ends the activation, so that the next call finds what is stored.</summary>
    public static async Task LeaveAsync(this IScripted grain, Probe probe)
    {
        var times = probe.CountOf("deactivated") + 1;
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated", times);
    }
}
