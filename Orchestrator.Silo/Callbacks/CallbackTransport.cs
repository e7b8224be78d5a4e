using System.Collections.Concurrent;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.Callbacks;
using Orleans;

namespace Orchestrator.Silo.Callbacks;

/// <summary>
/// Runs tries beside the grains that ask for them: waits for a slot, sends, reports, wakes who waits for the same origin. Asked again for a try that waits or
/// runs, it does nothing: a grain that takes a try for lost does not make it two.
/// </summary>
internal sealed partial class CallbackTransport(
    IGrainFactory grains, CallbackSender sender, CallbackOrigins origins, TimeProvider clock, IHostApplicationLifetime lifetime, ILogger<CallbackTransport> logger)
    : ICallbackTransport, IDisposable
{
    private readonly CallbackSlots _slots = new();
    private long _triesTotal;
    private readonly ConcurrentDictionary<(string TaskId, string CallbackId), bool> _underWay = new();

    /// <summary>Tries that were begun since the start of the service.</summary>
    public long TriesTotal => Volatile.Read(ref _triesTotal);

    /// <summary>Tries that wait or run.</summary>
    public int UnderWay => _underWay.Count;

    public void BeginTry(string taskId, OwedCallback callback)
    {
        if (!_underWay.TryAdd((taskId, callback.Id), true)) return;

        Interlocked.Increment(ref _triesTotal);

        // Nothing of the turn that asks goes along: no scheduler, no request context.
        using (ExecutionContext.SuppressFlow()) _ = Task.Run(() => RunAsync(taskId, callback));
    }

    public void Dispose() => _slots.Dispose();

    private async Task RunAsync(string taskId, OwedCallback callback)
    {
        try
        {
            var origin = Uri.TryCreate(callback.Url, UriKind.Absolute, out var url) ? CallbackAddress.OriginOf(url) : "";
            var result = await TryAsync(origin, callback, lifetime.ApplicationStopping);

            // Free before it is reported: the report may bring the next try of the same callback.
            _underWay.TryRemove((taskId, callback.Id), out _);
            await grains.GetGrain<ICallbackGrain>(taskId).TryEnded(callback.Id, result);
            foreach (var waiting in origins.Ended(origin, taskId, result)) await grains.GetGrain<ICallbackGrain>(waiting).Wake();
        }
        catch (Exception) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The service stops: nobody takes a report any more. What is stored says that the callback is due; the next start tries it.
            _underWay.TryRemove((taskId, callback.Id), out _);
        }
        catch (Exception exception)
        {
            // Nobody awaits this; the grain begins the try again when it hears nothing.
            _underWay.TryRemove((taskId, callback.Id), out _);
            LogNotReported(logger, exception, callback.Id);
        }
    }

    private async Task<CallbackTry> TryAsync(string origin, OwedCallback callback, CancellationToken stopping)
    {
        await _slots.EnterAsync(origin, stopping);
        var at = clock.GetUtcNow();
        try
        {
            return await sender.SendAsync(callback, at, stopping);
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            // A fault of ours must not leave the grain without an answer either.
            LogFault(logger, exception, callback.Id);
            return new(at, null, $"The request could not be made: {exception.Message}");
        }
        finally
        {
            _slots.Exit(origin);
        }
    }

    [LoggerMessage(720, LogLevel.Warning, "The end of a try of callback {CallbackId} could not be reported; the grain tries again.")]
    private static partial void LogNotReported(ILogger logger, Exception exception, string callbackId);

    [LoggerMessage(721, LogLevel.Error, "A try of callback {CallbackId} failed in an unexpected way.")]
    private static partial void LogFault(ILogger logger, Exception exception, string callbackId);
}
