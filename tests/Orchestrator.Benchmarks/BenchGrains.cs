using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Benchmarks;

public interface IEchoGrain : IGrainWithStringKey
{
    Task<int> Echo(int value);

    Task<int> EchoAfterYield(int value);
}

public sealed class EchoGrain : Grain, IEchoGrain
{
    public Task<int> Echo(int value) => Task.FromResult(value);

    public async Task<int> EchoAfterYield(int value)
    {
        await Task.Yield();
        return value;
    }
}

public interface INoteGrain : IGrainWithStringKey
{
    Task Write(string text);

    Task<int> Length();
}

[GenerateSerializer]
public sealed class Note
{
    [Id(0)]
    public string Text { get; set; } = "";

    [Id(1)]
    public int Version { get; set; }
}

public sealed class NoteGrain([PersistentState("note", "bench")] IPersistentState<Note> note) : Grain, INoteGrain
{
    public Task Write(string text)
    {
        note.State.Text = text;
        note.State.Version++;
        return note.WriteStateAsync();
    }

    public Task<int> Length() => Task.FromResult(note.State.Text.Length);
}
