using Microsoft.Extensions.Logging;
using Orchestrator.Interfaces.AgentTasks;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Grains.AgentTasks;

/// <content>How a task is taken on: stored, or certainly not.</content>
internal sealed partial class AgentTaskGrain
{
    private const int DatabaseRetryAfterSeconds = 30;

    public async Task<SubmitResult> SubmitAsync(AgentTaskSubmission submission, CancellationToken cancellationToken)
    {
        if (state.RecordExists)
        {
            return state.State.Facts.RequestSha256 == submission.RequestSha256
                ? SubmitResult.Accepted
                : new(SubmitOutcome.Conflict, Detail: $"Task {TaskId} is known with another request.");
        }

        // What the clock did before is nothing to a task that begins now.
        _ = _clockSteps.Take();
        var accepted = AgentTaskTransitions.Accept(AgentTaskRequest.FactsOf(submission, options.Value), clock.GetUtcNow());
        if (await AdmitAsync() is { } refused) return refused;
        if (await StoreAsync(accepted, submission) is { } no)
        {
            await TryForgetAsync();
            return no;
        }

        LogAccepted(logger, TaskId, accepted.Facts.WorkerType, accepted.Facts.Repository, accepted.Facts.TraceId);
        await ActAsync();
        return SubmitResult.Accepted;
    }

    /// <summary>Row and reminder first, the state last: what has a state is found again after any crash, and a row without one is dropped. Null when it is stored; "no" only when it certainly is not.</summary>
    private async Task<SubmitResult?> StoreAsync(AgentTaskState accepted, AgentTaskSubmission submission)
    {
        var entry = AgentTaskSnapshots.EntryOf(accepted);
        try
        {
            request.State = new() { Json = submission.RequestJson };
            var added = catalog.AddAsync(entry, CancellationToken.None);
            var linked = accepted.Facts.DependsOn.IsEmpty ? Task.CompletedTask : dependencies.AddAsync(TaskId, accepted.Facts.DependsOn, CancellationToken.None);
            await Task.WhenAll(added, linked, this.RegisterOrUpdateReminder(ReminderName, ReminderPeriod, ReminderPeriod), GuardAsync(request.WriteStateAsync));
            if (await added == CatalogAddOutcome.CaseConflict)
            {
                await GuardAsync(request.ClearStateAsync);
                return new(SubmitOutcome.Conflict, Detail: $"A task whose id differs from {TaskId} in case only is known; on some machines they would share a folder.");
            }
        }
        catch (Exception exception)
        {
            // Whatever it was, the state comes last and was not written.
            return NotStored(exception);
        }

        _cataloged = entry;
        try
        {
            await SaveAsync(accepted);
            return null;
        }
        catch (OrleansException exception)
        {
            // What a failed write has stored is unknown until it is read; when that fails too, the caller has to learn that nobody knows.
            await ReadAgainAsync();
            return state.RecordExists ? null : NotStored(exception);
        }
    }

    /// <summary>Null when the task may come. A request that its client has given up goes on: it would keep its place otherwise.</summary>
    private async Task<SubmitResult?> AdmitAsync()
    {
        try
        {
            return (await Capacity.AdmitAsync(TaskId, CancellationToken.None)).Refusal is { } refusal ? new(SubmitOutcome.Refused, refusal) : null;
        }
        catch (OrleansException exception)
        {
            return NotStored(exception);
        }
    }

    private async Task ReadAgainAsync()
    {
        try
        {
            await state.ReadStateAsync(CancellationToken.None);
        }
        catch (OrleansException exception)
        {
            throw new OrleansException($"Whether task {TaskId} was stored is not known.", exception);
        }
    }

    /// <summary>A task that was never acknowledged leaves nothing behind: no row, no place in the line, no slot.</summary>
    private async Task ForgetAsync()
    {
        await catalog.RemoveAsync(TaskId, CancellationToken.None);
        await dependencies.RemoveAsync(TaskId, CancellationToken.None);
        await Capacity.ReleaseAsync(TaskId, int.MaxValue);
    }

    private async Task TryForgetAsync()
    {
        try
        {
            await ForgetAsync();
        }
        catch (Exception exception)
        {
            // The answer is no all the same; a slot that comes, a reminder or the next start tries again.
            LogNotForgotten(logger, exception, TaskId);
        }
    }

    private SubmitResult NotStored(Exception exception)
    {
        LogNotStored(logger, exception, TaskId);
        return new(SubmitOutcome.Refused, new("Database not writable", "Nothing was stored; the service's log says why.", DatabaseRetryAfterSeconds));
    }

    [LoggerMessage(100, LogLevel.Information, "Task {TaskId} accepted: {WorkerType} on {Repository} (trace {TraceId}).")]
    private static partial void LogAccepted(ILogger logger, string taskId, string workerType, string repository, string? traceId);

    [LoggerMessage(103, LogLevel.Error, "Task {TaskId} is refused: it could not be stored.")]
    private static partial void LogNotStored(ILogger logger, Exception exception, string taskId);

    [LoggerMessage(104, LogLevel.Warning, "Task {TaskId} was refused, and its traces could not be removed yet.")]
    private static partial void LogNotForgotten(ILogger logger, Exception exception, string taskId);
}
