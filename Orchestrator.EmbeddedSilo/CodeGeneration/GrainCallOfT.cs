using System.Diagnostics;
using System.Runtime.CompilerServices;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Calls;
using Orchestrator.EmbeddedSilo.Statistics;

namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>A call that is answered with a <typeparamref name="T"/>; generated code derives one class from this for each grain method.</summary>
public abstract class GrainCall<T>(GrainMethod method) : GrainCall(method)
{
    private AsyncTaskMethodBuilder<T> _answer = AsyncTaskMethodBuilder<T>.Create();

    /// <summary>What the caller awaits. Is asked for before the call is sent.</summary>
    internal Task<T> Answer => _answer.Task;

    /// <summary>For generated code: calls the method.</summary>
    protected abstract ValueTask<T> InvokeAsync(object grain);

    internal ValueTask<T> InvokeOnAsync(Activation activation) =>
        SiloActivities.Source.HasListeners() ? InvokeTracedAsync(activation) : InvokeAsync(activation.Grain!);

    internal sealed override void Begin(Activation activation)
    {
        ValueTask<T> result;
        try
        {
            result = activation.Runtime.Filters.Length == 0 || IsLocal ? InvokeOnAsync(activation) : CallFilterChain.InvokeAsync(this, activation);
            if (!result.IsCompletedSuccessfully)
            {
                _ = AwaitAsync(activation, result);
                return;
            }

            Succeed(result.Result);
        }
        catch (Exception exception)
        {
            // Whatever a grain throws is its caller's.
            Fail(activation, exception);
            return;
        }

        activation.Complete(this, exception: null);
    }

    private async Task AwaitAsync(Activation activation, ValueTask<T> result)
    {
        // The awaits of a turn come back to the activation, so this continues as one of its turns.
        try
        {
            Succeed(await result);
        }
        catch (Exception exception)
        {
            Fail(activation, exception);
            return;
        }

        activation.Complete(this, exception: null);
    }

    private async ValueTask<T> InvokeTracedAsync(Activation activation)
    {
        using var activity = SiloActivities.Start(this, activation.GrainId);
        try
        {
            return await InvokeAsync(activation.Grain!);
        }
        catch (Exception exception)
        {
            activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
            throw;
        }
    }

    private void Succeed(T result)
    {
        var copy = DeepCopy.Of(result);
        if (TryTakeAnswer()) _answer.SetResult(copy);
    }

    private void Fail(Activation activation, Exception exception)
    {
        if (Method.Options.HasFlag(GrainMethodOptions.OneWay)) activation.LogUnseenFailure(this, exception);
        else if (TryTakeAnswer()) _answer.SetException(exception);
        activation.Complete(this, exception);
    }

    private protected override void SetException(Exception exception) => _answer.SetException(exception);
}

/// <summary>The result of methods that have none.</summary>
public readonly struct Nothing
{
    /// <summary>For generated code: a task without a result as one with this one.</summary>
    public static ValueTask<Nothing> From(Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return task.IsCompletedSuccessfully ? default : AwaitAsync(task);

        static async ValueTask<Nothing> AwaitAsync(Task task)
        {
            await task;
            return default;
        }
    }

    /// <inheritdoc cref="From(Task)" />
    public static ValueTask<Nothing> From(ValueTask task) => task.IsCompletedSuccessfully ? default : From(task.AsTask());
}
