using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance.Filters;

public interface IFilteredGrain : IGrainWithStringKey
{
    Task<int> Add(int first, int second);

    Task<int> AddBy(IFilteredGrain other, int first, int second);

    Task<int> Fail();

    Task<object?> Context(string key);
}

public sealed class FilteredGrain : Grain, IFilteredGrain
{
    public Task<int> Add(int first, int second) => Task.FromResult(first + second);

    public Task<int> AddBy(IFilteredGrain other, int first, int second) => other.Add(first, second);

    public Task<int> Fail() => throw new InvalidDataException("from the grain");

    public Task<object?> Context(string key) => Task.FromResult(RequestContext.Get(key));
}

/// <summary>Incoming call filters. The filters of these tests look at calls of <see cref="IFilteredGrain" /> only: runtimes have calls of their own.</summary>
public sealed class FilterTests
{
    [Fact]
    public async Task The_first_filter_is_the_outermost()
    {
        var log = new List<string>();
        await using var silo = await StartAsync(
            async context =>
            {
                log.Add("first in");
                await context.Invoke();
                log.Add("first out");
            },
            async context =>
            {
                log.Add("second in");
                await context.Invoke();
                log.Add("second out");
            });
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal(3, await grain.Add(1, 2));
        Assert.Equal(["first in", "second in", "second out", "first out"], log);
    }

    [Fact]
    public async Task A_swallowed_exception_is_the_answer_unless_the_filter_sets_a_result()
    {
        var setsResult = false;
        await using var silo = await StartAsync(async context =>
        {
            try
            {
                await context.Invoke();
            }
            catch (InvalidDataException) when (setsResult)
            {
                context.Result = 5;
            }
            catch (InvalidDataException)
            {
                // Swallowed.
            }
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        await Assert.ThrowsAsync<InvalidDataException>(() => grain.Fail());
        setsResult = true;
        Assert.Equal(5, await grain.Fail());
    }

    [Fact]
    public async Task A_filter_sees_method_arguments_target_and_result()
    {
        var seen = new List<object?>();
        IGrainContext? target = null;
        await using var silo = await StartAsync(async context =>
        {
            seen.Add(context.Result);
            await context.Invoke();
            seen.AddRange(
            [
                context.MethodName, context.InterfaceMethod.DeclaringType, context.ImplementationMethod.DeclaringType, context.Request.GetArgumentCount(),
                context.Request.GetArgument(0), context.Request.GetArgument(1), context.TargetId, context.Result, context.Grain.GetType(),
            ]);
            target = context.TargetContext;
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        await grain.Add(1, 2);
        Assert.Equal([null, "Add", typeof(IFilteredGrain), typeof(FilteredGrain), 2, 1, 2, grain.GetGrainId(), 3, typeof(FilteredGrain)], seen);
        Assert.Equal(grain.GetGrainId(), target!.GrainId);
    }

    [Fact]
    public async Task A_filter_sees_which_grain_calls()
    {
        GrainId? source = null;
        await using var silo = await StartAsync(context =>
        {
            if (context.MethodName == "Add") source = context.SourceId;
            return context.Invoke();
        });
        var (caller, _) = silo.New<IFilteredGrain>();
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal(3, await caller.AddBy(grain, 1, 2));
        Assert.Equal(caller.GetGrainId(), source);
    }

    [Fact]
    public async Task A_filter_can_change_the_result()
    {
        await using var silo = await StartAsync(async context =>
        {
            await context.Invoke();
            if (context.Result is int sum) context.Result = sum * 10;
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal(30, await grain.Add(1, 2));
    }

    [Fact]
    public async Task A_filter_can_answer_in_the_grain_s_place()
    {
        await using var silo = await StartAsync(context =>
        {
            context.Result = 42;
            return Task.CompletedTask;
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal(42, await grain.Add(1, 2));
    }

    [Fact]
    public async Task An_exception_of_a_filter_reaches_the_caller()
    {
        await using var silo = await StartAsync(_ => throw new InvalidDataException("from the filter"));
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal("from the filter", (await Assert.ThrowsAsync<InvalidDataException>(() => grain.Add(1, 2))).Message);
    }

    [Fact]
    public async Task A_filter_sees_the_grain_s_exception_and_can_replace_it()
    {
        await using var silo = await StartAsync(async context =>
        {
            try
            {
                await context.Invoke();
            }
            catch (InvalidDataException exception)
            {
                throw new InvalidOperationException($"replaced: {exception.Message}", exception);
            }
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal("replaced: from the grain", (await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Fail())).Message);
    }

    [Fact]
    public async Task A_filter_can_answer_in_place_of_the_grain_s_exception()
    {
        await using var silo = await StartAsync(async context =>
        {
            try
            {
                await context.Invoke();
            }
            catch (InvalidDataException)
            {
                // A filter that sets no result leaves open whether the exception goes on: Orleans lets it.
                context.Result = 42;
            }
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal(42, await grain.Fail());
    }

    [Fact]
    public async Task A_filter_runs_in_the_turn_of_the_call()
    {
        TaskScheduler? before = null;
        await using var silo = await StartAsync(
            async context =>
            {
                before = TaskScheduler.Current;
                await context.Invoke();
                if (TaskScheduler.Current != before) before = null;
            });
        var (grain, _) = silo.New<IFilteredGrain>();
        await grain.Add(1, 2);
        Assert.NotNull(before);
        Assert.NotSame(TaskScheduler.Default, before);
    }

    [Fact]
    public async Task What_a_filter_puts_into_the_request_context_reaches_the_grain()
    {
        await using var silo = await StartAsync(context =>
        {
            RequestContext.Set("word", "from the filter");
            return context.Invoke();
        });
        var (grain, _) = silo.New<IFilteredGrain>();
        Assert.Equal("from the filter", await grain.Context("word"));
    }

    private static Task<SiloFixture> StartAsync(params Func<IIncomingGrainCallContext, Task>[] filters) => SiloFixture.StartAsync(silo =>
    {
        foreach (var filter in filters) silo.Services.AddSingleton<IIncomingGrainCallFilter>(new Filter(filter));
    });

    private sealed class Filter(Func<IIncomingGrainCallContext, Task> invoke) : IIncomingGrainCallFilter
    {
        public Task Invoke(IIncomingGrainCallContext context) => context.Grain is FilteredGrain ? invoke(context) : context.Invoke();
    }
}
