using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Silo.Callbacks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Testing;
using Orleans;

namespace Orchestrator.Silo.Tests.Callbacks;

/// <summary>The transport with a real receiver, a clock that the test moves, and grains that only listen.</summary>
internal sealed class TransportTestBed : IAsyncDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    private readonly CallbackSender _sender;
    private readonly CallbackTransport _transport;

    private TransportTestBed(CallbackReceiver receiver, CallbackOptions options)
    {
        Receiver = receiver;
        var address = new CallbackAddress(Options.Create(options));
        _sender = new(address, Options.Create(options), Clock);
        var factory = DispatchProxy.Create<IGrainFactory, ListeningFactory>();
        ((ListeningFactory)(object)factory).Heard = Heard;
        _transport = new(factory, _sender, new(Clock), Clock, Lifetime, NullLogger<CallbackTransport>.Instance);
    }

    public ManualClock Clock { get; } = new();

    public CallbackReceiver Receiver { get; }

    public ApplicationLifetime Lifetime { get; } = new(NullLogger<ApplicationLifetime>.Instance);

    /// <summary>What grains were told; the try is null for a Wake.</summary>
    public Channel<(string TaskId, CallbackTry? Try)> Heard { get; } = Channel.CreateUnbounded<(string, CallbackTry?)>();

    public CallbackSender Sender => _sender;

    /// <summary>Starts with a receiver whose origins are allowed by name; more can be set.</summary>
    public static async Task<TransportTestBed> StartAsync(Func<CallbackReceiver, CallbackOptions>? options = null)
    {
        var receiver = await CallbackReceiver.StartAsync();
        return new(receiver, options?.Invoke(receiver) ?? new() { AllowedOrigins = [receiver.Origin], InternalAuthToken = "internal-token" });
    }

    public OwedCallback Owed(string task = "task-1", string? url = null, string secret = "whsec-test", string? traceId = null) =>
        new($"{task}-r1-completed", "completed", url ?? $"{Receiver.Origin}/internal/task-complete", """{"taskId":"task-1","summary":"naïve & 😀"}""", secret, traceId);

    public void Begin(OwedCallback callback, string task = "task-1") => _transport.BeginTry(task, callback);

    /// <summary>Begins a try and waits for its end.</summary>
    public async Task<CallbackTry> TryAsync(OwedCallback callback, string task = "task-1")
    {
        Begin(callback, task);
        var (told, result) = await HearAsync();
        Assert.Equal(task, told);
        return Assert.IsType<CallbackTry>(result);
    }

    public async Task<(string TaskId, CallbackTry? Try)> HearAsync([CallerMemberName] string phase = "")
    {
        using var timeout = new CancellationTokenSource(Longest);
        try
        {
            return await Heard.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"{phase}: nothing was reported. Requests received: {Receiver.Requests.Count}.", e);
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

    public async ValueTask DisposeAsync()
    {
        Lifetime.StopApplication();
        await Receiver.DisposeAsync();
        _sender.Dispose();
    }
}

/// <summary>Hands out grains that listen. Proxies, because a class that implements a grain's interface would be taken for a grain.</summary>
public class ListeningFactory : DispatchProxy
{
    internal Channel<(string TaskId, CallbackTry? Try)> Heard { get; set; } = null!;

    protected override object Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var grain = Create<ICallbackGrain, ListeningGrain>();
        ((ListeningGrain)(object)grain).Attach((string)args![0]!, Heard);
        return grain;
    }
}

/// <summary>Notes <c>TryEnded</c> and <c>Wake</c>.</summary>
public class ListeningGrain : DispatchProxy
{
    private string _taskId = "";
    private Channel<(string TaskId, CallbackTry? Try)> _heard = null!;

    internal void Attach(string taskId, Channel<(string TaskId, CallbackTry? Try)> heard) => (_taskId, _heard) = (taskId, heard);

    protected override object Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        _heard.Writer.TryWrite((_taskId, args is [_, CallbackTry result] ? result : null));
        return Task.CompletedTask;
    }
}
