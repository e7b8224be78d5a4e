using System.Reflection;

namespace Orchestrator.TortureTarget;

/// <summary>A port whose calls pass a fail point before they begin and after they have ended. Methods that have no name pass none.</summary>
public class FailingPort : DispatchProxy
{
    private static readonly MethodInfo FollowResult = typeof(FailingPort).GetMethod(nameof(FollowResultAsync), BindingFlags.NonPublic | BindingFlags.Instance)!;
    private object _inner = null!;
    private Func<string, object?[], string?> _nameOf = null!;
    private Action<string> _pass = null!;

    /// <summary>Decorates a port.</summary>
    /// <param name="inner">The real one.</param>
    /// <param name="nameOf">The step that a method with these arguments is; null: none.</param>
    /// <param name="pass">Called with <c>step.before</c> and <c>step.after</c>.</param>
    public static T Around<T>(T inner, Func<string, object?[], string?> nameOf, Action<string> pass)
        where T : class
    {
        var port = Create<T, FailingPort>();
        var failing = (FailingPort)(object)port;
        (failing._inner, failing._nameOf, failing._pass) = (inner, nameOf, pass);
        return port;
    }

    /// <inheritdoc/>
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        ArgumentNullException.ThrowIfNull(targetMethod);
        var step = _nameOf(targetMethod.Name, args ?? []);
        if (step is not null) _pass($"{step}.before");
        var result = targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
        if (step is null) return result;
        switch (result)
        {
            case Task task when targetMethod.ReturnType == typeof(Task):
                return FollowAsync(task, step);
            case Task task:
                return FollowResult.MakeGenericMethod(targetMethod.ReturnType.GetGenericArguments()).Invoke(this, BindingFlags.DoNotWrapExceptions, null, [task, step], null);
            default:
                _pass($"{step}.after");
                return result;
        }
    }

    private async Task FollowAsync(Task task, string step)
    {
        await task;
        _pass($"{step}.after");
    }

    private async Task<T> FollowResultAsync<T>(Task<T> task, string step)
    {
        var result = await task;
        _pass($"{step}.after");
        return result;
    }
}
