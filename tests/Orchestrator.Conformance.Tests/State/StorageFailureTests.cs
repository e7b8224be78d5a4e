using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.Conformance.State;

/// <summary>Persistent state when storage fails, or somebody else has written.</summary>
public sealed class StorageFailureTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task A_conflict_that_escapes_drops_the_activation()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("stored");
        var first = await grain.Activation();
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.SomebodyElseWrites);
        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.Save("lost"));
        await probe.Reached("deactivated");
        Assert.NotEqual(first, await grain.Activation());
        Assert.Equal("stored", await grain.Text());
        await grain.Save("written after all");
    }

    [Fact]
    public async Task A_conflict_in_the_first_write_is_one_as_well()
    {
        var (grain, _) = silo.New<INotesGrain>();
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.SomebodyElseWrites);
        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.Save("lost"));
    }

    [Fact]
    public async Task A_conflict_that_is_caught_keeps_the_activation()
    {
        var (grain, _) = silo.New<INotesGrain>();
        await grain.Save("stored");
        var first = await grain.Activation();
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.SomebodyElseWrites);
        await grain.WithState(async state =>
        {
            state.State.Text = "mine";
            await Assert.ThrowsAsync<InconsistentStateException>(() => state.WriteStateAsync());
            Assert.Equal("mine", state.State.Text);
            await state.ReadStateAsync();
            Assert.Equal("stored", state.State.Text);
            state.State.Text = "mine again";
            await state.WriteStateAsync();
        });
        Assert.Equal(first, await grain.Activation());
        Assert.Equal("mine again", await grain.Text());
    }

    [Fact]
    public async Task A_conflict_goes_to_the_caller_of_the_caller_and_drops_the_activation_that_wrote()
    {
        var (outer, _) = silo.New<IPlainGrain>();
        var (grain, _) = silo.New<INotesGrain>();
        await grain.Save("stored");
        var (outerActivation, activation) = (await outer.Activation(), await grain.Activation());
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.SomebodyElseWrites);
        await outer.Do(async _ => await Assert.ThrowsAsync<InconsistentStateException>(() => grain.Save("lost")));
        Assert.NotEqual(activation, await grain.Activation());
        Assert.Equal(outerActivation, await outer.Activation());
    }

    [Fact]
    public async Task Calls_behind_a_conflict_are_served_by_the_next_activation()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("stored");
        var first = await grain.Activation();
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.SomebodyElseWrites);
        var failing = grain.Do(async self =>
        {
            await self.Probe.Gate("writing");
            await ((NotesGrain)self).First.WriteStateAsync();
        });
        await probe.Reached("writing");
        var queued = grain.Activation();
        probe.Open("writing");
        await Assert.ThrowsAsync<InconsistentStateException>(() => Wait.For(failing, "the conflict"));
        Assert.NotEqual(first, await Wait.For(queued, "the queued call"));
    }

    [Fact]
    public async Task A_clear_can_meet_a_conflict()
    {
        var (grain, _) = silo.New<INotesGrain>();
        await grain.Save("stored");
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.SomebodyElseWrites);
        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.WithState(state => state.ClearStateAsync()));
        Assert.Equal("stored", await grain.Text());
    }

    [Fact]
    public async Task A_write_that_failed_tells_the_caller_and_keeps_the_activation()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("stored");
        var first = await grain.Activation();
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.WriteFails);
        var failure = await Assert.ThrowsAsync<OrleansException>(() => grain.Save("second"));
        Assert.Equal("The disk is full.", Assert.IsType<IOException>(failure.InnerException).Message);
        Assert.Equal(first, await grain.Activation());
        await grain.WithState(state => state.WriteStateAsync());
        await grain.LeaveAsync(probe);
        Assert.Equal("second", await grain.Text());
    }

    [Fact]
    public async Task A_first_write_that_failed_can_be_repeated()
    {
        var (grain, _) = silo.New<INotesGrain>();
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.WriteFails);
        await Assert.ThrowsAsync<OrleansException>(() => grain.Save("first"));
        Assert.False(await grain.FromState(state => state.RecordExists));
        await grain.Save("first again");
        Assert.True(await grain.FromState(state => state.RecordExists));
    }

    [Fact]
    public async Task After_a_write_that_was_stored_and_then_failed_a_read_makes_the_next_write_succeed()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("first");
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.WritesThenFails);
        await grain.WithState(async state =>
        {
            state.State.Text = "second";
            await Assert.ThrowsAsync<OrleansException>(() => state.WriteStateAsync());
            await state.ReadStateAsync();
            Assert.Equal("second", state.State.Text);
            state.State.Text = "third";
            await state.WriteStateAsync();
        });
        await grain.LeaveAsync(probe);
        Assert.Equal("third", await grain.Text());
    }

    [Fact]
    public async Task After_a_write_that_was_stored_and_then_failed_a_write_without_a_read_is_a_conflict()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("first");
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.WritesThenFails);
        await Assert.ThrowsAsync<OrleansException>(() => grain.Save("second"));
        await Assert.ThrowsAsync<InconsistentStateException>(() => grain.Save("third"));
        await probe.Reached("deactivated");
        Assert.Equal("second", await grain.Text());
    }

    [Fact]
    public async Task After_a_write_that_failed_deactivation_brings_back_what_is_stored()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("first");
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.WritesThenFails);
        await Assert.ThrowsAsync<OrleansException>(() => grain.Do(async self =>
        {
            var state = ((NotesGrain)self).First;
            state.State.Text = "second";
            try
            {
                await state.WriteStateAsync();
            }
            catch (OrleansException)
            {
                self.Leave();
                throw;
            }
        }));
        await probe.Reached("deactivated");
        Assert.Equal("second", await grain.Text());
    }

    [Fact]
    public async Task State_that_cannot_be_read_fails_the_call_and_the_next_one_tries_again()
    {
        var (grain, probe) = silo.New<INotesGrain>();
        await grain.Save("stored");
        await grain.LeaveAsync(probe);
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.ReadFails);
        var exception = await Assert.ThrowsAnyAsync<OrleansException>(() => grain.Text());
        Assert.Contains("The disk is full.", exception.Message, StringComparison.Ordinal);
        Assert.Equal(1, probe.CountOf("activated"));
        Assert.Equal("stored", await Wait.For(grain.Text(), "the next call"));
    }

    [Fact]
    public async Task A_read_that_failed_leaves_the_state_as_it_was()
    {
        var (grain, _) = silo.New<INotesGrain>();
        await grain.Save("stored");
        silo.StorageFaults.Arm(grain.GetPrimaryKeyString(), StorageFault.ReadFails);
        await Assert.ThrowsAsync<OrleansException>(() => grain.WithState(state => state.ReadStateAsync()));
        Assert.Equal("stored", await grain.Text());
        await grain.Save("and can be written");
    }
}
