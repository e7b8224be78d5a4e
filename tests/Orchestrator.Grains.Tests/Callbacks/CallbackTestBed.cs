using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Testing;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>A callback grain with a transport that only records, and a task that only listens.</summary>
public sealed class CallbackTestBed : IAsyncDisposable
{
    private const string TaskId = "task-1";
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private readonly IAgentTaskGrain _task = DispatchProxy.Create<IAgentTaskGrain, ListeningTask>();
    private GrainHost _host = null!;

    public ManualClock Clock => _host.Clock;

    internal GrainHost Host => _host;

    internal RecordingTransport Transport { get; } = new();

    public ICallbackGrain Grain => _host.Grain<ICallbackGrain>(TaskId);

    public static async Task<CallbackTestBed> StartAsync()
    {
        var bed = new CallbackTestBed();
        bed._host = await GrainHost.StartAsync(
            services => services.AddSingleton<ICallbackTransport>(bed.Transport).AddSingleton(typeof(ILogger<>), typeof(NullLogger<>)),
            standIns: host => host.Replace(_ => bed._task));
        return bed;
    }

    public static OwedCallback Owed(int run = 1) =>
        new($"{TaskId}-r{run}-completed", "completed", "https://example.com/task-complete", $$"""{"taskId":"{{TaskId}}"}""", "secret", null);

    public async Task<CallbackSnapshot> ShownAsync(int index = 0) => (await Grain.GetAsync())[index];

    /// <summary>The next try that the grain begins.</summary>
    public async Task<OwedCallback> TryAsync([CallerMemberName] string phase = "")
    {
        using var timeout = new CancellationTokenSource(Longest);
        try
        {
            return await Transport.Begun.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"{phase}: no try was begun; the clock is at {Clock.GetUtcNow():O}.", e);
        }
    }

    /// <summary>Reports the end of a try and waits until the grain has set its timer for what comes next.</summary>
    public async Task EndAsync(OwedCallback callback, int? status, TimeSpan nextIn, int? retryAfter = null, [CallerMemberName] string phase = "")
    {
        var timer = Clock.TimerDueInAsync(nextIn);
        await Grain.TryEnded(callback.Id, new(Clock.GetUtcNow(), status, status is null ? "no answer" : null, RetryAfterSeconds: retryAfter));
        await WithinAsync(timer, $"{phase}: no timer was set for in {nextIn}");
    }

    /// <summary>Reports the end of a try and waits until the task was told that the callback is settled.</summary>
    public async Task<(string Id, CallbackState State)> SettleAsync(OwedCallback callback, int? status, bool isFinal = false)
    {
        await Grain.TryEnded(callback.Id, new(Clock.GetUtcNow(), status, null, isFinal));
        return await SettledAsync();
    }

    public async Task<(string Id, CallbackState State)> SettledAsync([CallerMemberName] string phase = "")
    {
        using var timeout = new CancellationTokenSource(Longest);
        try
        {
            return await ((ListeningTask)(object)_task).Settled.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"{phase}: the task was not told that the callback is settled.", e);
        }
    }

    public static async Task WithinAsync(Task task, string otherwise)
    {
        try
        {
            await task.WaitAsync(Longest);
        }
        catch (TimeoutException e) when (!task.IsCompleted)
        {
            throw new TimeoutException(otherwise, e);
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    internal sealed class RecordingTransport : ICallbackTransport
    {
        public Channel<OwedCallback> Begun { get; } = Channel.CreateUnbounded<OwedCallback>();

        public void BeginTry(string taskId, OwedCallback callback) => Begun.Writer.TryWrite(callback);
    }

    /// <summary>Stands in for the task's grain, whatever class that is. A proxy, because a class that implements a grain's interface would be taken for a grain.</summary>
    public class ListeningTask : DispatchProxy
    {
        public Channel<(string Id, CallbackState State)> Settled { get; } = Channel.CreateUnbounded<(string, CallbackState)>();

        protected override object Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (targetMethod?.Name != nameof(IAgentTaskGrain.CallbackSettled)) throw new NotSupportedException(targetMethod?.Name);
            Settled.Writer.TryWrite(((string)args![0]!, (CallbackState)args[1]!));
            return Task.CompletedTask;
        }
    }
}
