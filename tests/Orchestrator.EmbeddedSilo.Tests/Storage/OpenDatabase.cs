using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>A database without a silo around it.</summary>
internal sealed class OpenDatabase : IAsyncDisposable
{
    public OpenDatabase(string path, params SqliteSchema[] schemas)
    {
        var options = new SqliteOptions { Path = path };
        foreach (var schema in schemas) options.Schemas.Add(schema);
        Database = new(Options.Create(options), NullLogger<SqliteDatabase>.Instance, TimeProvider.System);
        Storage = new(Database, new GrainStateSerializer(Options.Create(new GrainStateJsonOptions())));
        Database.Open();
    }

    public SqliteDatabase Database { get; }

    public SqliteGrainStorage Storage { get; }

    public static GrainId Id(string key) => GrainId.Create("note", key);

    public Task WriteAsync<T>(string key, IGrainState<T> state) => Storage.WriteStateAsync("note", Id(key), state);

    public async Task<GrainState<T>> ReadAsync<T>(string key)
        where T : new()
    {
        var state = new GrainState<T>();
        await Storage.ReadStateAsync("note", Id(key), state);
        return state;
    }

    public Task ClearAsync<T>(string key, IGrainState<T> state) => Storage.ClearStateAsync("note", Id(key), state);

    /// <summary>Keeps the writer busy, so that writes from here on wait for one another, until the returned one is released.</summary>
    public async Task<HeldWriter> HoldWriterAsync()
    {
        var held = new HeldWriter();
        held.Write = Task.Run(() => Database.WriteAsync(_ => held.Block()));
        await held.Begun.Within("the write that holds the writer begins");
        return held;
    }

    public async ValueTask DisposeAsync() => await Database.CloseAsync().Within("the database closes");
}

/// <summary>A state as a grain would have it.</summary>
internal sealed class GrainState<T> : IGrainState<T>
    where T : new()
{
    public T State { get; set; } = new();

    public string? ETag { get; set; }

    public bool RecordExists { get; set; }
}

/// <summary>A write that has begun and does not end until it may.</summary>
internal sealed class HeldWriter : IDisposable
{
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _mayEnd = new();

    public Task Begun => _begun.Task;

    public Task<int> Write { get; set; } = null!;

    public int Block()
    {
        _begun.SetResult();
        if (!_mayEnd.Wait(TimeSpan.FromSeconds(30))) throw new TimeoutException("Nobody released the writer.");
        return 0;
    }

    public async Task ReleaseAsync()
    {
        _mayEnd.Set();
        await Write.Within("the write that held the writer ends");
    }

    public void Dispose() => _mayEnd.Dispose();
}
