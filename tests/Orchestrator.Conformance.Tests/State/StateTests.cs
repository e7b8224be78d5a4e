using Orleans;

namespace Orchestrator.Conformance.State;

/// <summary>Persistent state as long as storage works.</summary>
public sealed class StateTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task A_state_that_was_never_written_is_as_its_constructor_makes_it()
    {
        var (grain, _) = silo.New<INotesGrain>();
        Assert.Equal(("new", false, null), await grain.FromState(state => (state.State.Text, state.RecordExists, state.Etag)));
    }

    [Fact]
    public async Task What_was_written_is_there_in_the_next_activation()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.WithState(state =>
        {
            state.State = new() { Text = "written", Numbers = { 1, 2 } };
            return state.WriteStateAsync();
        });
        var etag = await grain.FromState(state => state.Etag);
        Assert.NotNull(etag);
        await grain.LeaveAsync(probe);
        var (text, numbers, exists, storedEtag) =
            await grain.FromState(state => (state.State.Text, state.State.Numbers, state.RecordExists, state.Etag));
        Assert.Equal("written", text);
        Assert.Equal([1, 2], numbers);
        Assert.Equal((true, etag), (exists, storedEtag));
    }

    [Fact]
    public async Task What_was_not_written_ends_with_the_activation()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("written");
        await grain.WithState(state =>
        {
            state.State.Text = "not written";
            return Task.CompletedTask;
        });
        Assert.Equal("not written", await grain.Text());
        await grain.LeaveAsync(probe);
        Assert.Equal("written", await grain.Text());
    }

    [Fact]
    public async Task What_changes_after_a_write_is_not_stored_with_it()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.WithState(async state =>
        {
            state.State.Numbers.Add(1);
            await state.WriteStateAsync();
            state.State.Numbers.Add(2);
        });
        await grain.LeaveAsync(probe);
        Assert.Equal([1], await grain.FromState(state => state.State.Numbers));
    }

    [Fact]
    public async Task Each_write_has_an_etag_of_its_own()
    {
        var (grain, _) = silo.New<INotesGrain>();
        var etags = new List<string?>();
        await grain.WithState(async state =>
        {
            for (var i = 0; i < 3; i++)
            {
                state.State.Text = $"{i}";
                await state.WriteStateAsync();
                etags.Add(state.Etag);
            }
        });
        Assert.Equal(3, etags.Distinct().Count());
        Assert.DoesNotContain(null, etags);
    }

    [Fact]
    public async Task State_survives_a_restart()
    {
        await using var own = await SiloFixture.StartAsync();
        var (grain, _) = own.New<INotesGrain>();
        await grain.Save("before");
        await own.RestartAsync();
        var again = own.Grains.GetGrain<INotesGrain>(grain.GetPrimaryKeyString());
        Assert.Equal("before", await again.Text());
        await again.Save("after");
        Assert.Equal("after", await again.Text());
    }

    [Fact]
    public async Task A_cleared_state_is_as_if_never_written()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("written");
        await grain.WithState(state => state.ClearStateAsync());
        Assert.Equal(("new", false, null), await grain.FromState(state => (state.State.Text, state.RecordExists, state.Etag)));
        await grain.LeaveAsync(probe);
        Assert.Equal(("new", false, null), await grain.FromState(state => (state.State.Text, state.RecordExists, state.Etag)));
    }

    [Fact]
    public async Task A_state_can_be_cleared_twice_and_written_again()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("written");
        await grain.WithState(async state =>
        {
            await state.ClearStateAsync();
            await state.ClearStateAsync();
        });
        await grain.Save("again");
        await grain.LeaveAsync(probe);
        Assert.Equal("again", await grain.Text());
    }

    [Fact]
    public async Task A_read_brings_back_what_is_stored()
    {
        var (grain, _) = silo.New<INotesGrain>();
        await grain.Save("stored");
        await grain.WithState(async state =>
        {
            state.State.Text = "changed";
            await state.ReadStateAsync();
        });
        Assert.Equal("stored", await grain.Text());
    }

    [Fact]
    public async Task A_read_of_a_state_that_was_never_written_brings_back_the_new_one()
    {
        var (grain, _) = silo.New<INotesGrain>();
        await grain.WithState(state => state.ReadStateAsync());
        Assert.Equal(("new", false, null), await grain.FromState(state => (state.State.Text, state.RecordExists, state.Etag)));
    }

    [Fact]
    public async Task Two_states_of_a_grain_are_stored_apart()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Do(async self =>
        {
            var notes = (NotesGrain)self;
            (notes.First.State.Text, notes.Second.State.Text) = ("first", "second");
            await notes.First.WriteStateAsync();
            await notes.Second.WriteStateAsync();
            await notes.First.ClearStateAsync();
        });
        await grain.LeaveAsync(probe);
        Assert.Equal(("new", "second"), await grain.Get(self => (((NotesGrain)self).First.State.Text, ((NotesGrain)self).Second.State.Text)));
    }

    [Fact]
    public async Task Grains_of_two_classes_with_one_key_have_states_of_their_own()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("of the first class");
        var other = silo.Grains.GetGrain<IOtherNotesGrain>(grain.GetPrimaryKeyString());
        Assert.Equal("new", await other.Get(self => ((OtherNotesGrain)self).First.State.Text));
        await grain.LeaveAsync(probe);
        Assert.Equal("of the first class", await grain.Text());
    }

    [Fact]
    public async Task Keys_that_differ_in_case_have_states_of_their_own()
    {
        var key = SiloFixture.NewKey();
        await silo.Grains.GetGrain<INotesGrain>(key + "a").Save("small");
        await silo.Grains.GetGrain<INotesGrain>(key + "A").Save("capital");
        Assert.Equal("small", await silo.Grains.GetGrain<INotesGrain>(key + "a").Text());
    }

    [Fact]
    public async Task State_is_there_before_OnActivateAsync()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("stored");
        await grain.LeaveAsync(probe);
        string? seen = null;
        probe.OnActivate = (self, _) =>
        {
            seen = ((NotesGrain)self).First.State.Text;
            return Task.CompletedTask;
        };
        await grain.Do(_ => { });
        Assert.Equal("stored", seen);
    }

    [Fact]
    public async Task State_can_be_written_in_OnActivateAsync_and_in_OnDeactivateAsync()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        probe.OnActivate = (self, _) => AppendAsync(self, 1);
        probe.OnDeactivate = (self, _, _) => AppendAsync(self, 2);
        await grain.Do(_ => { });
        await grain.LeaveAsync(probe);
        Assert.Equal([1, 2, 1], await grain.FromState(state => state.State.Numbers));

        static Task AppendAsync(ScriptedGrain self, int number)
        {
            var state = ((NotesGrain)self).First;
            state.State.Numbers.Add(number);
            return state.WriteStateAsync();
        }
    }

    [Fact]
    public async Task A_write_is_awaited_on_the_grain()
    {
        var (grain, _) = silo.New<INotesGrain>();
        Assert.True(await grain.Ask(async self =>
        {
            var here = TaskScheduler.Current;
            await ((NotesGrain)self).First.WriteStateAsync();
            return TaskScheduler.Current == here;
        }));
    }
}
