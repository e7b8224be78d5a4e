using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Concurrency;

namespace Orchestrator.Simulator.Runtime;

/// <summary>A method of a grain interface.</summary>
internal sealed class GrainMethod
{
    private static readonly ConcurrentDictionary<MethodInfo, GrainMethod> Known = new();
    private readonly MethodInvoker _invoker;
    private readonly Func<Completion> _create;

    private GrainMethod(MethodInfo method)
    {
        Name = method.Name.EndsWith("Async", StringComparison.Ordinal) ? method.Name[..^5] : method.Name;
        IsOneWay = method.GetCustomAttribute<OneWayAttribute>() is not null;
        _invoker = MethodInvoker.Create(method);
        _create = method.ReturnType == typeof(Task)
            ? static () => new Completion<object?>()
            : typeof(Completion<>).MakeGenericType(method.ReturnType.GetGenericArguments()[0]).GetMethod(nameof(Completion<>.Create), BindingFlags.Static | BindingFlags.Public)!
                .CreateDelegate<Func<Completion>>();
    }

    public string Name { get; }

    public bool IsOneWay { get; }

    public static GrainMethod Of(MethodInfo method) => Known.GetOrAdd(method, static method => new(method));

    public Completion CreateCompletion() => _create();

    public Task Invoke(object target, object?[] arguments) => (Task)_invoker.Invoke(target, arguments.AsSpan())!;
}

/// <summary>What a caller waits for. It goes on, at once and on this thread, when it is completed.</summary>
internal abstract class Completion
{
    public abstract Task Task { get; }

    public bool IsOver => Task.IsCompleted;

    /// <summary>Told before whoever waits goes on. Not a second continuation of the task: of several, .NET runs only one at once, and the others on other threads.</summary>
    public Action? Over { get; set; }

    /// <summary>Hands on how a call ended.</summary>
    public abstract void Complete(Task ended);

    public abstract void Fail(Exception exception);
}

/// <inheritdoc />
internal sealed class Completion<T> : Completion
{
    private readonly TaskCompletionSource<T> _source = new();

    public override Task<T> Task => _source.Task;

    public static Completion Create() => new Completion<T>();

    public override void Complete(Task ended)
    {
        if (ended.IsCompletedSuccessfully) Complete(ended is Task<T> typed ? typed.Result : default!);
        else Fail(ended.Exception?.InnerException ?? new OperationCanceledException());
    }

    public void Complete(T result)
    {
        Over?.Invoke();
        _source.TrySetResult(result);
    }

    public override void Fail(Exception exception)
    {
        Over?.Invoke();
        _source.TrySetException(exception);
    }
}
