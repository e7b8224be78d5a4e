using Orleans;

namespace Orchestrator.Conformance.Calls;

public interface IAnswerGrain : IGrainWithStringKey
{
    Task DoTask(bool fails);

    Task<int> GetTask(bool fails);

    ValueTask DoValueTask(bool fails);

    ValueTask<int> GetValueTask(bool fails);

    Task<string?> Echo(string? text);

    Task<string> Overloaded(int number);

    Task<string> Overloaded(string text);
}

public sealed class AnswerGrain : Grain, IAnswerGrain
{
    public Task DoTask(bool fails) => GetTask(fails);

    public async Task<int> GetTask(bool fails)
    {
        await Task.Yield();
        return fails ? throw new InvalidDataException("awaited") : 1;
    }

    // Not async: these two throw before there is a task.
    public ValueTask DoValueTask(bool fails) => fails ? throw new InvalidDataException("at once") : default;

    public ValueTask<int> GetValueTask(bool fails) => fails ? throw new InvalidDataException("at once") : new(2);

    public Task<string?> Echo(string? text) => Task.FromResult(text);

    public Task<string> Overloaded(int number) => Task.FromResult("number");

    public Task<string> Overloaded(string text) => Task.FromResult("text");
}

[GenerateSerializer]
public sealed class ShopClosedException(string message, int hour) : Exception(message)
{
    [Id(0)]
    public int Hour { get; } = hour;
}

/// <summary>What a caller gets.</summary>
public sealed class ResultTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    private IAnswerGrain Grain => silo.Grains.GetGrain<IAnswerGrain>(nameof(ResultTests));

    [Fact]
    public async Task Methods_may_return_each_of_the_four_kinds_of_task()
    {
        await Grain.DoTask(fails: false);
        Assert.Equal(1, await Grain.GetTask(fails: false));
        await Grain.DoValueTask(fails: false);
        Assert.Equal(2, await Grain.GetValueTask(fails: false));
    }

    [Fact]
    public async Task An_exception_after_an_await_reaches_the_caller_with_type_and_message()
    {
        Assert.Equal("awaited", (await Assert.ThrowsAsync<InvalidDataException>(() => Grain.DoTask(fails: true))).Message);
        Assert.Equal("awaited", (await Assert.ThrowsAsync<InvalidDataException>(() => Grain.GetTask(fails: true))).Message);
    }

    [Fact]
    public async Task An_exception_before_the_first_await_reaches_the_caller_with_type_and_message()
    {
        Assert.Equal("at once", (await Assert.ThrowsAsync<InvalidDataException>(async () => await Grain.DoValueTask(fails: true))).Message);
        Assert.Equal("at once", (await Assert.ThrowsAsync<InvalidDataException>(async () => await Grain.GetValueTask(fails: true))).Message);
    }

    [Fact]
    public async Task An_exception_is_in_the_task_and_never_thrown_at_the_caller_of_the_method()
    {
        var call = Grain.DoValueTask(fails: true);
        await Assert.ThrowsAsync<InvalidDataException>(async () => await call);
    }

    [Fact]
    public async Task An_exception_of_one_s_own_keeps_its_members()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var exception = await Assert.ThrowsAsync<ShopClosedException>(() => grain.Do(_ => throw new ShopClosedException("We are closed.", 18)));
        Assert.Equal(("We are closed.", 18), (exception.Message, exception.Hour));
    }

    [Fact]
    public async Task An_exception_goes_through_a_grain_that_calls_another()
    {
        var (outer, _) = silo.New<IPlainGrain>();
        var (inner, _) = silo.New<IPlainGrain>();
        var exception = await Assert.ThrowsAsync<InvalidDataException>(
            () => outer.Do(_ => inner.Do(_ => throw new InvalidDataException("from far away"))));
        Assert.Equal("from far away", exception.Message);
    }

    [Fact]
    public async Task A_grain_goes_on_after_a_call_that_threw()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var before = await grain.Activation();
        await Assert.ThrowsAsync<InvalidDataException>(() => grain.Do(_ => throw new InvalidDataException()));
        Assert.Equal(before, await grain.Activation());
    }

    [Fact]
    public async Task An_OperationCanceledException_of_the_grain_s_own_reaches_a_caller_who_did_not_cancel()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        await Assert.ThrowsAsync<OperationCanceledException>(() => grain.Do(_ => throw new OperationCanceledException("the grain's own")));
    }

    [Fact]
    public async Task Null_is_an_argument_and_a_result_like_others()
    {
        Assert.Null(await Grain.Echo(null));
        Assert.Equal("", await Grain.Echo(""));
    }

    [Fact]
    public async Task Overloads_are_told_apart()
    {
        Assert.Equal("number", await Grain.Overloaded(1));
        Assert.Equal("text", await Grain.Overloaded("1"));
    }
}
