using System.Text.Json.Serialization;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

public interface INoteGrain : IGrainWithStringKey
{
    Task<string> Read();

    Task Write(string text);

    Task Clear();
}

public sealed class NoteState : IJsonOnDeserialized
{
    /// <summary>2 split <c>title</c> from the text.</summary>
    public int SchemaVersion { get; set; } = 2;

    public string Title { get; set; } = "untitled";

    public string NoteText { get; set; } = "";

    public void OnDeserialized()
    {
        if (SchemaVersion >= 2) return;
        if (NoteText.Split('\n', 2) is [var title, var rest]) (Title, NoteText) = (title, rest);
        SchemaVersion = 2;
    }
}

public sealed class NoteGrain([PersistentState("note")] IPersistentState<NoteState> state) : Grain, INoteGrain
{
    public Task<string> Read() => Task.FromResult($"{state.State.Title}: {state.State.NoteText}");

    public async Task Write(string text)
    {
        state.State.NoteText = text;
        await state.WriteStateAsync();
    }

    public Task Clear() => state.ClearStateAsync();
}
