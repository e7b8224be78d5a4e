using System.Runtime.CompilerServices;

namespace Orchestrator.Conformance;

/// <summary>Every wait of a test goes through here, so that none is endless and each says what it waited for.</summary>
internal static class Wait
{
    /// <summary>Long enough for a busy machine; a test that passes never waits that long.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    /// <summary>Awaits the task, but not for ever.</summary>
    /// <param name="task">What is awaited.</param>
    /// <param name="expected">What should have happened, for the message.</param>
    /// <param name="state">What had happened instead, for the message.</param>
    /// <param name="phase">The test.</param>
    public static async Task For(Task task, string expected, Func<string>? state = null, [CallerMemberName] string phase = "")
    {
        try
        {
            await task.WaitAsync(Longest);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Assert.Fail($"{phase}: expected within {Longest.TotalSeconds} s: {expected}. {state?.Invoke()}");
        }
    }

    /// <inheritdoc cref="For(Task, string, Func{string}?, string)" />
    public static async Task<T> For<T>(Task<T> task, string expected, [CallerMemberName] string phase = "")
    {
        await For(task, expected, state: null, phase);
        return await task;
    }
}
