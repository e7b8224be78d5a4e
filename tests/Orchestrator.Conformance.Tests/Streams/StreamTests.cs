using System.Runtime.CompilerServices;
using Orleans.Runtime;

namespace Orchestrator.Conformance.Streams;

/// <summary>Methods that return IAsyncEnumerable.</summary>
public sealed class StreamTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task All_items_come_in_order()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        Assert.Equal(Enumerable.Range(0, 100), await ReadAsync(grain.Stream((_, _) => Count(100))));
    }

    [Fact]
    public async Task A_stream_may_be_empty()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        Assert.Empty(await ReadAsync(grain.Stream((_, _) => Count(0))));
    }

    [Fact]
    public async Task The_method_does_not_run_before_the_first_item_is_asked_for()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var items = grain.Stream((self, _) =>
        {
            self.Probe.Record("began");
            return Count(1);
        });
        await grain.Do(_ => { });
        Assert.Equal(0, probe.CountOf("began"));
        Assert.Single(await ReadAsync(items));
        Assert.Equal(1, probe.CountOf("began"));
    }

    [Fact]
    public async Task An_item_arrives_before_the_next_one_exists()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await using var reader = grain.Stream((self, _) => GatedAsync(self)).GetAsyncEnumerator();
        Assert.True(await Wait.For(reader.MoveNextAsync().AsTask(), "the first item"));
        Assert.Equal(1, reader.Current);
        var next = reader.MoveNextAsync().AsTask();
        await probe.Reached("between");
        Assert.False(next.IsCompleted);
        probe.Open("between");
        Assert.True(await Wait.For(next, "the second item"));
        Assert.Equal(2, reader.Current);
        Assert.False(await Wait.For(reader.MoveNextAsync().AsTask(), "the end"));
    }

    [Fact]
    public async Task Other_calls_run_between_the_items()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await using var reader = grain.Stream((self, _) => GatedAsync(self)).GetAsyncEnumerator();
        Assert.True(await Wait.For(reader.MoveNextAsync().AsTask(), "the first item"));
        await Wait.For(grain.Do(_ => { }), "a call between two items");
        var next = reader.MoveNextAsync().AsTask();
        await probe.Reached("between");
        await Wait.For(grain.Do(_ => { }), "a call while the grain makes the next item");
        probe.Open("between");
        Assert.True(await Wait.For(next, "the second item"));
    }

    [Fact]
    public async Task A_stream_begins_while_a_call_runs()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var call = grain.Do(self => self.Probe.Gate("call"));
        await probe.Reached("call");
        Assert.Equal(3, (await Wait.For(ReadAsync(grain.Stream((_, _) => Count(3))), "the stream")).Count);
        probe.Open("call");
        await Wait.For(call, "the call");
    }

    [Fact]
    public async Task The_iterator_runs_on_the_grain()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var here = await grain.Get(_ => TaskScheduler.Current);
        var isHere = true;
        await ReadAsync(grain.Stream((_, _) => Count(5, () => isHere &= TaskScheduler.Current == here)));
        Assert.True(isHere);
    }

    [Fact]
    public async Task A_reader_that_stops_early_ends_the_iterator()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await foreach (var item in grain.Stream((self, token) => EndlessAsync(self, token)))
        {
            if (item == 2) break;
        }

        await probe.Reached("finally");
    }

    [Fact]
    public async Task A_reader_s_cancellation_ends_the_iterator_and_the_reading()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var items = new List<int>();
        var reading = Task.Run(async () =>
        {
            await foreach (var item in grain.Stream((self, token) => WaitingAsync(self, token)).WithCancellation(cancellation.Token)) items.Add(item);
        });
        await probe.Reached("waiting");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(reading, "the end of reading"));
        await probe.Reached("finally");
        Assert.Equal([1], items);
    }

    [Fact]
    public async Task The_token_that_the_caller_passed_ends_the_iterator_and_the_reading()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var reading = ReadAsync(grain.Stream((self, token) => WaitingAsync(self, token), cancellation.Token));
        await probe.Reached("waiting");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(reading, "the end of reading"));
        await probe.Reached("finally");
    }

    [Fact]
    public async Task An_exception_comes_after_the_items_before_it()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var items = new List<int>();
        var exception = await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var item in grain.Stream((_, _) => Count(5, number =>
            {
                if (number == 3) throw new InvalidDataException("no fourth item");
            })))
            {
                items.Add(item);
            }
        });
        Assert.Equal("no fourth item", exception.Message);
        Assert.Equal([0, 1, 2], items);
    }

    [Fact]
    public async Task Deactivation_aborts_the_reading()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await using var reader = grain.Stream((self, token) => EndlessAsync(self, token)).GetAsyncEnumerator();
        Assert.True(await Wait.For(reader.MoveNextAsync().AsTask(), "the first item"));
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated");
        await Assert.ThrowsAsync<EnumerationAbortedException>(async () =>
        {
            while (await Wait.For(reader.MoveNextAsync().AsTask(), "the abortion"))
            {
                // Items that were on their way may still come.
            }
        });
    }

    [Fact]
    public async Task An_enumerable_can_be_read_twice()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var items = grain.Stream((_, _) => Count(3));
        Assert.Equal([0, 1, 2], await ReadAsync(items));
        Assert.Equal([0, 1, 2], await ReadAsync(items));
    }

    [Fact]
    public async Task Several_readers_read_at_once()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var readings = Enumerable.Range(0, 10).Select(_ => ReadAsync(grain.Stream((_, _) => Count(20))));
        Assert.All(await Wait.For(Task.WhenAll(readings), "10 readers"), items => Assert.Equal(Enumerable.Range(0, 20), items));
    }

    [Fact]
    public async Task A_grain_reads_a_stream_of_another()
    {
        var (reader, _) = silo.New<IPlainGrain>();
        var (writer, _) = silo.New<IPlainGrain>();
        Assert.Equal([0, 1, 2], await reader.Ask(_ => ReadAsync(writer.Stream((_, _) => Count(3)))));
    }

    private static async Task<List<int>> ReadAsync(IAsyncEnumerable<int> items)
    {
        var read = new List<int>();
        await foreach (var item in items) read.Add(item);
        return read;
    }

    private static IAsyncEnumerable<int> Count(int count, Action? each = null) => Count(count, _ => each?.Invoke());

    private static async IAsyncEnumerable<int> Count(int count, Action<int> each)
    {
        for (var i = 0; i < count; i++)
        {
            await Task.Yield();
            each(i);
            yield return i;
        }
    }

    private static async IAsyncEnumerable<int> GatedAsync(ScriptedGrain self)
    {
        yield return 1;
        await self.Probe.Gate("between");
        yield return 2;
    }

    /// <summary>Ends only because its reader does.</summary>
    private static async IAsyncEnumerable<int> EndlessAsync(ScriptedGrain self, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            for (var i = 0; ; i++)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                yield return i;
            }
        }
        finally
        {
            self.Probe.Record("finally");
        }
    }

    /// <summary>Yields one item and then waits to be cancelled.</summary>
    private static async IAsyncEnumerable<int> WaitingAsync(ScriptedGrain self, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            yield return 1;
            self.Probe.Record("waiting");
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
        finally
        {
            self.Probe.Record("finally");
        }
    }
}
