using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Testing;
using Orchestrator.Testing.Faults;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Storage;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>All grains of the domain on SQLite, with a manual clock, a fake machine and a fake receiver of callbacks; these and the database outlive a restart.</summary>
internal sealed class TaskSilo : IAsyncDisposable, ICallbackTransport, IAdmissionGate, IAgentAccounts, IMachineMemory
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("task-silo-");
    private readonly ConcurrentQueue<(string TaskId, OwedCallback Callback)> _tries = new();
    private int _looksAtMemory;
    private IHost? _host;

    public ManualClock Clock { get; } = new();

    public FakeMachine Machine { get; } = new();

    public MemoryCatalog Catalog { get; } = new();

    public MemoryDependencies Dependencies => field ??= new(Catalog);

    public CapacityOptions Capacity { get; } = new();

    public AgentTaskOptions Options { get; } = new();

    public AdmissionRefusal? Refusal { get; set; }

    /// <summary>What the machine can give; null: not known.</summary>
    public long? AvailableBytes
    {
        get
        {
            Interlocked.Increment(ref _looksAtMemory);
            return field;
        }

        set;
    }

    /// <summary>How often somebody asked for it.</summary>
    public int LooksAtMemory => Volatile.Read(ref _looksAtMemory);

    /// <summary>How the receiver answers.</summary>
    public int ReceiverStatus { get; set; } = 200;

    /// <summary>Calls that get lost on their way.</summary>
    public Predicate<IIncomingGrainCallContext>? Loses { get; set; }

    /// <summary>Whether the next write of a task's state fails, after it was done.</summary>
    public Predicate<string>? FailsAfterWriting { get; set; }

    /// <summary>States, by name, that cannot be written.</summary>
    public Predicate<string>? FailsInsteadOfWriting { get; set; }

    /// <summary>How storage and catalog fail; null: as the two above say.</summary>
    public StorageFaults? Faults { get; set; }

    public IReadOnlyCollection<(string TaskId, OwedCallback Callback)> Tries => _tries;

    public IGrainFactory Grains => _host!.Services.GetRequiredService<IGrainFactory>();

    public static async Task<TaskSilo> StartAsync(Action<TaskSilo>? configure = null)
    {
        var silo = new TaskSilo();
        silo.Machine.Acted = silo.Catalog.Recheck;
        configure?.Invoke(silo);
        await silo.StartHostAsync();
        return silo;
    }

    public static AgentTaskSubmission Submission(string taskId, int priority = 0, string prompt = "do it", string sha256 = "1", IReadOnlyList<string>? dependsOn = null, string repository = "acme/web", string workerType = "opus", int timeoutHours = 1) => new(
        JsonSerializer.Serialize(
            new TaskRequest
            {
                TaskId = taskId,
                WorkerType = workerType,
                Prompt = prompt,
                WebhookUrl = "http://127.0.0.1:1/hook",
                WebhookSecret = "secret",
                Repository = repository,
                Priority = priority,
                DependsOn = dependsOn,
                TimeoutHours = timeoutHours,
            },
            TaskRequestJsonContext.Default.TaskRequest),
        sha256, TraceId: null);

    public IAgentTaskGrain TaskGrain(string taskId) => Grains.GetGrain<IAgentTaskGrain>(taskId);

    public Task<SubmitResult> SubmitAsync(string taskId, int priority = 0, string sha256 = "1") =>
        TaskGrain(taskId).SubmitAsync(Submission(taskId, priority, sha256: sha256), CancellationToken.None);

    public Task<CapacitySnapshot> CapacityAsync() => Grains.GetGrain<ICapacityGrain>(Pools.Default).GetAsync();

    public async Task RestartAsync()
    {
        await StopHostAsync();
        await StartHostAsync();
        foreach (var row in Catalog.ReadOpen()) Assert.True(await TaskGrain(row.TaskId).WakeAsync());
    }

    public void BeginTry(string taskId, OwedCallback callback)
    {
        _tries.Enqueue((taskId, callback));
        Catalog.Recheck();
        var result = new CallbackTry(Clock.GetUtcNow(), ReceiverStatus, ReceiverStatus < 300 ? null : "no");
        _ = Grains.GetGrain<ICallbackGrain>(taskId).TryEnded(callback.Id, result);
    }

    /// <summary>The account of every worker type but <c>script</c>.</summary>
    public string AccountOf(string workerType) => workerType == "script" ? "script" : "claude";

    public async ValueTask DisposeAsync()
    {
        await StopHostAsync();
        _folder.Delete(recursive: true);
        Assert.Empty(Machine.Violations);
    }

    private async Task StartHostAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(settings: null);
        builder.Services.AddSingleton<TimeProvider>(Clock)
            .AddSingleton<IWorktrees>(Machine).AddSingleton<ISessions>(Machine).AddSingleton<IAgentTaskCatalog>(Faults is null ? Catalog : new FaultyCatalog(Catalog, Faults)).AddSingleton<ITaskDependencies>(Dependencies)
            .AddSingleton<ICallbackTransport>(this).AddSingleton<IAdmissionGate>(this).AddSingleton<IAgentAccounts>(this).AddSingleton<IMachineMemory>(this)
            .AddSingleton(Microsoft.Extensions.Options.Options.Create(Capacity)).AddSingleton(Microsoft.Extensions.Options.Options.Create(Options))
            .AddSingleton<IIncomingGrainCallFilter>(new LossyCalls(this));
        builder.Services.Configure<GrainStateJsonOptions>(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, GrainStateJson.Resolver));
        builder.UseOrleans(silo =>
        {
            silo.UseSqlite(sqlite => sqlite.Path = Path.Combine(_folder.FullName, "silo.db")).AddSqliteGrainStorage("sqlite").UseSqliteReminderService();
            silo.Services.AddKeyedSingleton<IGrainStorage>(
                GrainStorageNames.Orchestrator, (services, _) => new FailingStorage(services.GetRequiredKeyedService<IGrainStorage>("sqlite"), this));
            silo.Configure<GrainCollectionOptions>(options => (options.CollectionAge, options.CollectionQuantum) = (TimeSpan.FromDays(100), TimeSpan.FromDays(1)));
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromDays(10));
        });
        _host = builder.Build();
        await _host.StartAsync();
    }

    private async Task StopHostAsync()
    {
        if (_host is null) return;
        await _host.StopAsync();
        _host.Dispose();
        _host = null;
    }

    /// <summary>One-way calls are notices: the design must bear that any of them is lost.</summary>
    private sealed class LossyCalls(TaskSilo silo) : IIncomingGrainCallFilter
    {
        public Task Invoke(IIncomingGrainCallContext context) => silo.Loses?.Invoke(context) == true ? Task.CompletedTask : context.Invoke();
    }

    private sealed class FailingStorage(IGrainStorage inner, TaskSilo silo) : IGrainStorage
    {
        public Task ReadStateAsync<T>(string stateName, Orleans.Runtime.GrainId grainId, IGrainState<T> grainState) => silo.Faults is { } faults
            ? faults.ReadAsync(() => inner.ReadStateAsync(stateName, grainId, grainState))
            : inner.ReadStateAsync(stateName, grainId, grainState);

        public async Task WriteStateAsync<T>(string stateName, Orleans.Runtime.GrainId grainId, IGrainState<T> grainState)
        {
            if (silo.Faults is { } faults)
            {
                // Who hears that it failed must not hear of the new etag.
                var copy = new StateCopy<T>(grainState);
                await faults.WriteAsync(() => inner.WriteStateAsync(stateName, grainId, copy));
                (grainState.ETag, grainState.RecordExists) = (copy.ETag, copy.RecordExists);
                return;
            }

            if (silo.FailsInsteadOfWriting?.Invoke(stateName) == true) throw new IOException("The disk said no.");
            await inner.WriteStateAsync(stateName, grainId, grainState);
            if (stateName == "agent-task" && silo.FailsAfterWriting?.Invoke(grainId.Key.ToString()!) == true) throw new IOException("The disk said no, after it had written.");
        }

        public Task ClearStateAsync<T>(string stateName, Orleans.Runtime.GrainId grainId, IGrainState<T> grainState) => inner.ClearStateAsync(stateName, grainId, grainState);
    }

    private sealed class StateCopy<T>(IGrainState<T> original) : IGrainState<T>
    {
        [System.Diagnostics.CodeAnalysis.AllowNull]
        public T State { get; set; } = original.State!;

        public string? ETag { get; set; } = original.ETag;

        public bool RecordExists { get; set; } = original.RecordExists;
    }
}
