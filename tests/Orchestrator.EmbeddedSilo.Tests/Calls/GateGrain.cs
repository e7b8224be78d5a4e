using System.Collections.Concurrent;
using Orleans;

namespace Orchestrator.EmbeddedSilo.Tests.Calls;

public interface IGateGrain : IGrainWithStringKey
{
    /// <summary>Ends when the test opens the grain's gate.</summary>
    Task<int> Wait();

    Task<int> Echo(int value);

    Task Throw(string message);

    /// <summary>From then on, deactivation ends when the test opens the grain's gate.</summary>
    Task HoldDeactivation();
}

public sealed class GateGrain : Grain, IGateGrain
{
    private static readonly ConcurrentDictionary<string, (TaskCompletionSource Entered, TaskCompletionSource Opened)> Gates = new(StringComparer.Ordinal);

    private bool _holdsDeactivation;

    /// <summary>Completes when a grain of that key has reached its gate.</summary>
    public static Task EnteredAsync(string key) => Gate(key).Entered.Task.WaitAsync(TimeSpan.FromSeconds(20));

    public static void Open(string key) => Gate(key).Opened.TrySetResult();

    public Task<int> Echo(int value) => Task.FromResult(value);

    public Task Throw(string message) => throw new InvalidOperationException(message);

    public async Task<int> Wait()
    {
        await PassAsync();
        return 1;
    }

    public Task HoldDeactivation()
    {
        _holdsDeactivation = true;
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) =>
        _holdsDeactivation ? PassAsync() : Task.CompletedTask;

    private static (TaskCompletionSource Entered, TaskCompletionSource Opened) Gate(string key) => Gates.GetOrAdd(key, static _ =>
        (new(TaskCreationOptions.RunContinuationsAsynchronously), new(TaskCreationOptions.RunContinuationsAsynchronously)));

    private Task PassAsync()
    {
        var (entered, opened) = Gate(this.GetPrimaryKeyString());
        entered.TrySetResult();
        return opened.Task;
    }
}
