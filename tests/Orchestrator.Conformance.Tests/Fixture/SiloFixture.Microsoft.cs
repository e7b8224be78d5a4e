using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Hosting;
using Orleans.Reminders;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;

namespace Orchestrator.Conformance;

/// <content>
/// A cluster of one silo of Microsoft Orleans. Timers and reminders follow the clock, by the keys that Orleans has for the clocks of its parts; time-outs
/// of calls and the collection of idle activations do not, and run in short real times.
/// </content>
public sealed partial class SiloFixture
{
    private readonly StoredStates _states = new();
    private readonly StoredReminders _reminders = new();
    private InProcessTestCluster? _cluster;

    public static TimeSpan IdleTime => TimeSpan.FromSeconds(1);

    public static TimeSpan ResponseTimeout => TimeSpan.FromSeconds(1);

    private bool IsRealTime => _times == SiloTimes.ShortIdleTime;

    public async Task PassAsync(TimeSpan time)
    {
        if (IsRealTime) await Task.Delay(time, TimeProvider.System);
        else Clock.Advance(time);
    }

    /// <summary>A call that is awaited has timed out when it has been awaited.</summary>
    public Task PassResponseTimeoutAsync() => Task.Delay(ResponseTimeout * 2.5, TimeProvider.System);

    public Task PassIdleTimeAsync(Task collected) => collected;

    /// <summary>The caller has its exception before the message that takes the call from the queue has arrived, and nothing tells when it has.</summary>
    public Task CancellationArrivesAsync() => Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System);

    public async Task StopAsync()
    {
        if (_cluster is not { } cluster) return;
        _cluster = null;
        await Wait.For(cluster.StopAllSilosAsync(), "the silo's end");
        await cluster.DisposeAsync();
    }

    private async Task StartAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.Options.ConfigureFileLogging = false;
        builder.Options.InitializeClientOnDeploy = false;
        builder.Options.ServiceId = "conformance";
        builder.ConfigureSilo((_, silo) =>
        {
            if (!IsRealTime)
            {
                silo.Services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.Grains, Clock);
                silo.Services.AddKeyedSingleton<TimeProvider>(ReminderTimeProviderNames.Reminders, Clock);
            }

            silo.AddReminders();
            silo.Services.AddSingleton<IReminderTable>(_reminders);
            silo.Services.AddKeyedSingleton<IGrainStorage>(StoredName, _states);
            Configure(silo);
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        _services = _cluster.GetSiloServiceProvider();
    }

    private void DeleteStored()
    {
    }

    private sealed class StoredStates : IGrainStorage
    {
        private readonly ConcurrentDictionary<(string, GrainId), (string ETag, string Json)> _records = new();
        private long _last;

        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            grainState.RecordExists = _records.TryGetValue((stateName, grainId), out var record);
            (grainState.State, grainState.ETag) = grainState.RecordExists
                ? (JsonSerializer.Deserialize<T>(record.Json)!, record.ETag)
                : (Activator.CreateInstance<T>(), null);
            return Task.CompletedTask;
        }

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            Check(stateName, grainId, grainState.ETag);
            grainState.ETag = Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);
            grainState.RecordExists = true;
            _records[(stateName, grainId)] = (grainState.ETag, JsonSerializer.Serialize(grainState.State));
            return Task.CompletedTask;
        }

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            Check(stateName, grainId, grainState.ETag);
            _records.TryRemove((stateName, grainId), out _);
            (grainState.State, grainState.ETag, grainState.RecordExists) = (Activator.CreateInstance<T>(), null, false);
            return Task.CompletedTask;
        }

        private void Check(string stateName, GrainId grainId, string? etag)
        {
            var stored = _records.TryGetValue((stateName, grainId), out var record) ? record.ETag : null;
            if (stored != etag) throw new InconsistentStateException("Somebody else wrote.", stored, etag);
        }
    }

    private sealed class StoredReminders : IReminderTable
    {
        private readonly ConcurrentDictionary<(GrainId, string), ReminderEntry> _rows = new();
        private long _last;

        public Task<ReminderTableData> ReadRows(GrainId grainId) =>
            Task.FromResult(new ReminderTableData(_rows.Values.Where(row => row.GrainId == grainId)));

        /// <summary>There is one silo: all rows are in its range.</summary>
        public Task<ReminderTableData> ReadRows(uint begin, uint end) => Task.FromResult(new ReminderTableData(_rows.Values));

        public Task<ReminderEntry?> ReadRow(GrainId grainId, string reminderName) =>
            Task.FromResult(_rows.GetValueOrDefault((grainId, reminderName)));

        public Task<string?> UpsertRow(ReminderEntry entry)
        {
            entry.ETag = Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);
            _rows[(entry.GrainId, entry.ReminderName)] = entry;
            return Task.FromResult<string?>(entry.ETag);
        }

        public Task<bool> RemoveRow(GrainId grainId, string reminderName, string eTag) => Task.FromResult(
            _rows.TryGetValue((grainId, reminderName), out var row) && row.ETag == eTag && _rows.TryRemove((grainId, reminderName), out _));

        public Task TestOnlyClearTable()
        {
            _rows.Clear();
            return Task.CompletedTask;
        }
    }
}
