using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orleans;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>The transcript from its beginning, and what is added to it, until the task has ended.</summary>
internal sealed class TranscriptFollowResult(string taskId, IGrainFactory grains, OrchestratorHome home, TimeProvider clock, IHostApplicationLifetime lifetime) : IResult
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(250);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(httpContext.RequestAborted, lifetime.ApplicationStopping);
        httpContext.Response.ContentType = TranscriptResult.MediaType;
        httpContext.Response.Headers.XContentTypeOptions = "nosniff";
        httpContext.Response.Headers.CacheControl = "no-store";
        try
        {
            // Whoever follows learns at once that there is something to follow, not with its first word. A flush, because a response that is only started stays in the buffer.
            await httpContext.Response.Body.FlushAsync(httpContext.RequestAborted);
            await FollowAsync(httpContext.Response.Body, httpContext.RequestAborted, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The reader is gone, or the service stops: sessions live on, and the reader may ask again.
        }
    }

    /// <summary>A stop of the service ends the wait for more, never a write: Kestrel resets the connection of a write that is cancelled, and the reader would take that for a fault.</summary>
    private async Task FollowAsync(Stream to, CancellationToken readerGone, CancellationToken stopped)
    {
        using var timer = new PeriodicTimer(LookPeriod, clock);
        var grain = grains.GetGrain<IAgentTaskGrain>(taskId);
        IReadOnlyList<long> sent = [];
        while (await grain.GetAsync() is { } task)
        {
            // Asked before the files are read: what an ended task has written is all there.
            var files = new TranscriptFiles(home, taskId, task.Attempts);
            sent = await SendNewAsync(files, sent, to, readerGone);
            if (task.Phase == AgentTaskPhase.Ended) return;
            await timer.WaitForNextTickAsync(stopped);
        }
    }

    /// <summary>Attempts run one after the other, so that only the last one grows.</summary>
    private static async Task<IReadOnlyList<long>> SendNewAsync(TranscriptFiles files, IReadOnlyList<long> sent, Stream to, CancellationToken cancellationToken)
    {
        var lengths = files.ReadLengths();
        var (from, total) = (sent.Sum(), lengths.Sum());
        if (total <= from) return sent;
        await files.CopyAsync(to, lengths, from, total - from, cancellationToken);
        await to.FlushAsync(cancellationToken);
        return lengths;
    }
}
