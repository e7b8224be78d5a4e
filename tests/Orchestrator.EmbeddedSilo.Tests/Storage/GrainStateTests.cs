using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Tests.StartupChecks;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

public sealed class GrainStateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_write_with_an_old_ETag_fails_with_both_ETags_and_stores_nothing()
    {
        await using var open = new OpenDatabase(_folder.Database);
        var mine = new GrainState<NoteState> { State = { NoteText = "mine" } };
        await open.WriteAsync("a", mine);
        var theirs = await open.ReadAsync<NoteState>("a");
        theirs.State.NoteText = "theirs";
        await open.WriteAsync("a", theirs);
        mine.State.NoteText = "mine again";
        var old = mine.ETag;
        var conflict = await Assert.ThrowsAsync<InconsistentStateException>(() => open.WriteAsync("a", mine));
        Assert.Equal((theirs.ETag, old), (conflict.StoredEtag, conflict.CurrentEtag));
        Assert.Contains("State 'note' of note/a was written by somebody else.", conflict.Message, StringComparison.Ordinal);
        Assert.Equal(old, mine.ETag);
        await Assert.ThrowsAsync<InconsistentStateException>(() => open.ClearAsync("a", mine));
        await Assert.ThrowsAsync<InconsistentStateException>(() => open.WriteAsync("a", new GrainState<NoteState>()));
        await Assert.ThrowsAsync<InconsistentStateException>(() => open.ClearAsync("a", new GrainState<NoteState>()));
        var stored = await open.ReadAsync<NoteState>("a");
        Assert.Equal(("theirs", theirs.ETag, true), (stored.State.NoteText, stored.ETag, stored.RecordExists));
    }

    [Fact]
    public async Task A_record_that_was_cleared_and_written_anew_is_not_taken_for_the_old_one()
    {
        await using var open = new OpenDatabase(_folder.Database);
        var old = new GrainState<NoteState>();
        await open.WriteAsync("a", old);
        var other = await open.ReadAsync<NoteState>("a");
        for (var i = 0; i < 100; i++)
        {
            await open.ClearAsync("a", other);
            Assert.Equal((null, false), (other.ETag, other.RecordExists));
            await open.WriteAsync("a", other);
            await Assert.ThrowsAsync<InconsistentStateException>(() => open.WriteAsync("a", old));
        }

        await open.ClearAsync("a", other);
        var gone = await Assert.ThrowsAsync<InconsistentStateException>(() => open.WriteAsync("a", old));
        Assert.Null(gone.StoredEtag);
        await open.ClearAsync("a", other);
        Assert.False((await open.ReadAsync<NoteState>("a")).RecordExists);
    }

    [Fact]
    public async Task Of_writes_to_one_record_in_one_commit_the_first_wins_and_the_others_conflict()
    {
        await using var open = new OpenDatabase(_folder.Database);
        var first = new GrainState<NoteState>();
        await open.WriteAsync("a", first);
        var copies = new List<GrainState<NoteState>>();
        for (var i = 0; i < 10; i++) copies.Add(await open.ReadAsync<NoteState>("a"));
        var held = await open.HoldWriterAsync();
        var writes = copies.Select((copy, i) =>
        {
            copy.State.NoteText = $"{i}";
            return open.WriteAsync("a", copy);
        }).ToList();
        var inserts = Enumerable.Range(0, 10).Select(_ => open.WriteAsync("new", new GrainState<NoteState>())).ToList();
        await held.ReleaseAsync();
        foreach (var group in new[] { writes, inserts })
        {
            await group[0].Within("the first write ends");
            foreach (var write in group.Skip(1)) await Assert.ThrowsAsync<InconsistentStateException>(() => write.Within("the others fail"));
        }

        Assert.Equal(("0", copies[0].ETag), ((await open.ReadAsync<NoteState>("a")).State.NoteText, (await open.ReadAsync<NoteState>("a")).ETag));
    }

    [Fact]
    public async Task A_grain_whose_record_somebody_else_wrote_fails_once_and_reads_it_then()
    {
        await using var silo = await SqliteSilo.StartAsync(_folder.Database);
        await silo.Note("a").Write("mine");
        TemporaryFolder.Sql(_folder.Database, "UPDATE grain_state SET etag = etag + 7, json = CAST('{\"schemaVersion\":2,\"noteText\":\"theirs\"}' AS BLOB)");
        await Assert.ThrowsAsync<InconsistentStateException>(() => silo.Note("a").Write("lost").Within("the write fails"));
        Assert.Equal("untitled: theirs", await silo.Note("a").Read().Within("the note is read"));
        await silo.Note("a").Write("mine again").Within("the note is written");
    }

    [Fact]
    public async Task State_is_JSON_with_stable_names_under_state_name_and_key()
    {
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database)) await silo.Note("k/1").Write("words");
        Assert.Equal("{\"schemaVersion\":2,\"title\":\"untitled\",\"noteText\":\"words\"}", TemporaryFolder.Sql(_folder.Database, "SELECT CAST(json AS TEXT) FROM grain_state"));
        Assert.Equal("note k/1", TemporaryFolder.Sql(_folder.Database, "SELECT state_name || ' ' || grain_key FROM grain_state"));
    }

    [Theory]
    [InlineData("{}", "untitled: ")]
    [InlineData("null", "untitled: ")]
    [InlineData("{\"noteText\":\"a\",\"color\":\"red\",\"inner\":{\"schemaVersion\":99}}", "untitled: a")]
    [InlineData("{\"schemaVersion\":1,\"noteText\":\"first\\nrest\"}", "first: rest")]
    [InlineData("{\"title\":\"t\",\"noteText\":\"x\",\"schemaVersion\":2}", "t: x")]
    public async Task State_of_an_older_release_is_read(string json, string expected)
    {
        await StoreAsync(json);
        await using var silo = await SqliteSilo.StartAsync(_folder.Database);
        Assert.Equal(expected, await silo.Note("a").Read().Within("the note is read"));
        await silo.Note("a").Write("new").Within("the note is written");
        Assert.Contains("\"schemaVersion\":2", (string)TemporaryFolder.Sql(_folder.Database, "SELECT CAST(json AS TEXT) FROM grain_state")!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"schemaVersion\":3,\"noteText\":\"later\"}", "State 'note' of note/a was written by a later release (schema version 3, known is 2). Run that release again.")]
    [InlineData("{\"x\":[1,{\"y\":2}],\"schemaVersion\":2147483647}", "(schema version 2147483647, known is 2)")]
    [InlineData("{\"schemaVersion\":99999999999}", "State 'note' of note/a cannot be read as Orchestrator.EmbeddedSilo.Tests.Storage.NoteState: ")]
    [InlineData("not json", "State 'note' of note/a cannot be read as Orchestrator.EmbeddedSilo.Tests.Storage.NoteState: ")]
    [InlineData("{\"noteText\":7}", "State 'note' of note/a cannot be read as Orchestrator.EmbeddedSilo.Tests.Storage.NoteState: ")]
    [InlineData("", "State 'note' of note/a cannot be read as Orchestrator.EmbeddedSilo.Tests.Storage.NoteState: ")]
    public async Task State_that_this_release_does_not_understand_is_refused_and_not_overwritten(string json, string expected)
    {
        await StoreAsync(json);
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database))
        {
            Func<Task>[] calls = [() => silo.Note("a").Read(), () => silo.Note("a").Write("mine"), () => silo.Note("a").Clear()];
            foreach (var call in calls)
                Assert.Contains(expected, (await Assert.ThrowsAnyAsync<OrleansException>(() => call().Within("the call fails"))).Message, StringComparison.Ordinal);
        }

        Assert.Equal(json, TemporaryFolder.Sql(_folder.Database, "SELECT CAST(json AS TEXT) FROM grain_state"));
    }

    [Fact]
    public async Task A_grain_class_that_was_renamed_keeps_its_state_and_its_types()
    {
        const string Source =
            """
            namespace Renamed;
            public interface I{0} : IGrainWithStringKey {{ Task<int> Add(int x); }}
            public sealed class {0}State {{ public int Sum {{ get; set; }} }}
            public sealed class {0}Grain([PersistentState("sum")] IPersistentState<{0}State> state) : Grain, I{0}
            {{
                public async Task<int> Add(int x) {{ state.State.Sum += x; await state.WriteStateAsync(); return state.State.Sum; }}
            }}
            public static class Caller {{ public static async Task Run(IGrainFactory f) {{ Sum = await f.GetGrain<I{0}>("a").Add(5); }} public static int Sum; }}
            """;
        var sums = new List<object?>();
        foreach (var name in new[] { "Old", "New" })
        {
            using var grains = CompiledGrains.Compile(string.Format(System.Globalization.CultureInfo.InvariantCulture, Source, name));
            await using var silo = await SqliteSilo.StartAsync(_folder.Database, registry: Startup.GrainAssemblies.Register([grains.Assembly]));
            await ((Task)grains.Type("Renamed.Caller").GetMethod("Run")!.Invoke(null, [silo.Grains])!).Within("the grain is called");
            sums.Add(grains.Type("Renamed.Caller").GetField("Sum")!.GetValue(null));
        }

        Assert.Equal([5, 10], sums.Cast<int>());
    }

    [Fact]
    public async Task Cleared_state_is_gone_after_a_restart()
    {
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database))
        {
            await silo.Note("a").Write("x");
            await silo.Note("a").Clear();
            Assert.Equal("untitled: ", await silo.Note("a").Read());
        }

        Assert.Equal(0L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state"));
    }

    private async Task StoreAsync(string json)
    {
        await using (new OpenDatabase(_folder.Database))
        {
            // Makes the tables.
        }

        using var connection = TemporaryFolder.Connect(_folder.Database);
        using var command = connection.CreateCommand();
        command.CommandText = "INSERT INTO grain_state VALUES ('note', 'a', 1, $json)";
        command.Parameters.AddWithValue("$json", Encoding.UTF8.GetBytes(json));
        command.ExecuteNonQuery();
    }
}
