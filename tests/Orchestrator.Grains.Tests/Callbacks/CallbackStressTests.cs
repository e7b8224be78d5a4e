using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>Many tasks at a receiver that often fails: everything arrives, per task in order.</summary>
public sealed class CallbackStressTests
{
    private const int Tasks = 200;
    private const int Runs = 3;
    private const int FailuresPercent = 30;

    [Fact]
    public async Task Two_hundred_tasks_with_a_third_of_all_tries_failing_lose_nothing_and_keep_their_order()
    {
        var transport = new FailingTransport(seed: 1);
        await using var host = await GrainHost.StartAsync(
            services => services.AddSingleton<ICallbackTransport>(transport).AddSingleton(typeof(ILogger<>), typeof(NullLogger<>)),
            standIns: host => host.Replace(_ => DispatchProxy.Create<IAgentTaskGrain, SilentTask>()));
        transport.Host = host;
        await Task.WhenAll(Enumerable.Range(0, Tasks).Select(task => DeliverAsync(host, $"t{task}")));

        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (transport.Delivered.Sum(task => task.Value.Count) < Tasks * Runs || transport.UnderWay > 0)
        {
            timeout.Token.ThrowIfCancellationRequested();
            if (transport.UnderWay == 0) host.Clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        string[] inOrder = [.. Enumerable.Range(1, Runs).Select(run => $"r{run}")];
        Assert.Equal(Tasks, transport.Delivered.Count);
        Assert.All(transport.Delivered, task => Assert.Equal(inOrder, task.Value));
        Assert.InRange(transport.Tries, Tasks * Runs * 1.2, Tasks * Runs * 1.8);
    }

    private static async Task DeliverAsync(GrainHost host, string task)
    {
        for (var run = 1; run <= Runs; run++) await host.Grain<ICallbackGrain>(task).DeliverAsync(new($"r{run}", "completed", "https://example.com", "{}", "s", null));
    }

    /// <summary>Receives and answers at once, on another thread.</summary>
    private sealed class FailingTransport(int seed) : ICallbackTransport
    {
        private readonly Random _random = new(seed);
        private int _tries;
        private int _underWay;

        public GrainHost Host { get; set; } = null!;

        public ConcurrentDictionary<string, ConcurrentQueue<string>> Delivered { get; } = new(StringComparer.Ordinal);

        public int Tries => Volatile.Read(ref _tries);

        public int UnderWay => Volatile.Read(ref _underWay);

        public void BeginTry(string taskId, OwedCallback callback)
        {
            Interlocked.Increment(ref _tries);
            Interlocked.Increment(ref _underWay);
            _ = Task.Run(async () =>
            {
                int? status = 200;
                lock (_random)
                {
                    if (_random.Next(100) < FailuresPercent) status = _random.Next(3) switch { 0 => null, 1 => 503, _ => 401 };
                }

                if (status == 200) Delivered.GetOrAdd(taskId, _ => new()).Enqueue(callback.Id);
                var grain = Host.Grain<ICallbackGrain>(taskId);
                await grain.TryEnded(callback.Id, new(Host.Clock.GetUtcNow(), status, null));

                // Answered after the report was taken: only then may the clock go on.
                await grain.GetAsync();
                Interlocked.Decrement(ref _underWay);
            });
        }
    }

    /// <summary>Stands in for the tasks' grains.</summary>
    public class SilentTask : DispatchProxy
    {
        protected override object Invoke(MethodInfo? targetMethod, object?[]? args) => Task.CompletedTask;
    }
}
