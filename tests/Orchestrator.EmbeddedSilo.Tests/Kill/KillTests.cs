using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Orchestrator.EmbeddedSilo.Tests.Storage;
using Orleans.Storage;
using Xunit.Abstractions;

namespace Orchestrator.EmbeddedSilo.Tests.Kill;

/// <summary>
/// A silo in a process of its own is killed again and again while it writes. KILL_CYCLES sets how often (default 50), KILL_SEED repeats a run's
/// random choices.
/// </summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Grains = 24;
    private const int LinesMax = 400;

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, (long Counter, string Etag)> _acks = new(StringComparer.Ordinal);
    private readonly List<(string Grain, string Etag)> _stale = [];
    private readonly HashSet<string> _reminders = new(StringComparer.Ordinal);
    private readonly List<string> _wrong = [];
    private int _ackCount;
    private int _reminderCount;
    private int _uncertain;
    private int _killedAtStart;
    private int _staleRefused;

    [Fact]
    public async Task Every_acknowledged_write_and_reminder_survives_a_kill()
    {
        var cycles = int.Parse(Environment.GetEnvironmentVariable("KILL_CYCLES") ?? "50", CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("KILL_SEED") ?? Random.Shared.Next().ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        var random = new Random(seed);
        Say($"kill test: seed {seed}, {cycles} cycles");
        var watch = Stopwatch.StartNew();
        var (next, killAt) = StartRun(random, 1);
        try
        {
            for (var cycle = 1; cycle <= cycles; cycle++)
            {
                using var child = next;
                var line = killAt;

                // The child that follows starts meanwhile, up to the point where it would open the database.
                (next, killAt) = cycle < cycles ? StartRun(random, cycle + 1) : (StartChild("verify"), 0);
                await RunAndKillAsync(child, line);
                VerifyRows(cycle);
                if (cycle % 10 == 0) await VerifyStaleEtagsAsync(cycle);
            }

            var ticked = await VerifyReminders(next);
            Say($"kill test: {cycles} cycles ({_killedAtStart} of them killed before the first acknowledgement), {_ackCount} acknowledged writes, "
                + $"{_wrong.Count} lost or wrong, {_uncertain} stored without an acknowledgement, {_staleRefused} stale writes refused, "
                + $"{_reminderCount} acknowledged reminders ({_reminders.Count} different, {ticked} ticked at the end), {watch.Elapsed.TotalSeconds:0.0} s");
        }
        finally
        {
            next.Dispose();
        }

        Assert.True(_wrong.Count == 0, $"Seed {seed}:\n{string.Join("\n", _wrong)}");
        Assert.True(_ackCount > cycles, $"Seed {seed}: only {_ackCount} writes were acknowledged in {cycles} cycles.");
    }

    public void Dispose() => _folder.Dispose();

    private ChildSilo StartChild(string mode, int selfKillAt = 0) => ChildSilo.Start(
        [mode, _folder.Database, Grains.ToString(CultureInfo.InvariantCulture), selfKillAt.ToString(CultureInfo.InvariantCulture)]);

    /// <summary>Every other child is killed from outside after a number of lines; the others kill themselves in the middle of an acknowledgement.</summary>
    private (ChildSilo Child, int KillAt) StartRun(Random random, int cycle)
    {
        var number = random.Next(1, LinesMax);
        return cycle % 2 == 0 && !OperatingSystem.IsWindows() ? (StartChild("run", number), int.MaxValue) : (StartChild("run"), number);
    }

    /// <summary>Lets it run until it has written that many lines, kills it, and notes all that it has acknowledged until then.</summary>
    private async Task RunAndKillAsync(ChildSilo child, int lines)
    {
        await child.ExpectAsync("waiting");
        child.GoOn();
        var acksBefore = _ackCount;
        for (var i = 0; await child.ReadLineAsync() is { } line; i++)
        {
            if (i == lines) child.Kill();
            Note(line);
        }

        await child.WaitForExitAsync();
        if (await child.ErrorsAsync() is { Length: > 0 } errors) _wrong.Add($"The child failed by itself: {errors}");
        if (_ackCount == acksBefore) _killedAtStart++;
    }

    private void Note(string line)
    {
        switch (line.Split(' '))
        {
            case ["ack", var grain, var counter, var etag]:
                if (_acks.TryGetValue(grain, out var last)) _stale.Add((grain, last.Etag));
                _acks[grain] = (long.Parse(counter, CultureInfo.InvariantCulture), etag);
                _ackCount++;
                break;
            case ["reminder", var grain, var name]:
                _reminders.Add($"{grain} {name}");
                _reminderCount++;
                break;
            case ["stored", var grain, var counter, var etag]:
                Compare("The silo that followed", grain, long.Parse(counter, CultureInfo.InvariantCulture), etag);
                break;
            case ["opening"] or ["started"] or ["tick", ..]:
                break;
            default:
                _wrong.Add($"Unexpected line: {line}");
                break;
        }
    }

    /// <summary>Reads the rows with plain SQL on a connection that cannot write: the next silo does the recovery.</summary>
    private void VerifyRows(int cycle)
    {
        if (!File.Exists(_folder.Database)) return;
        using var connection = TemporaryFolder.Connect(_folder.Database, SqliteOpenMode.ReadOnly);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM sqlite_master WHERE name IN ('grain_state', 'reminder')";
        if (command.ExecuteScalar() is not 2L)
        {
            if (_acks.Count > 0) _wrong.Add($"Cycle {cycle}: the tables are gone.");
            return;
        }

        var found = new HashSet<string>(StringComparer.Ordinal);
        command.CommandText = "SELECT grain_key, json_extract(CAST(json AS TEXT), '$.counter'), etag FROM grain_state WHERE state_name = 'kill-counter'";
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                found.Add(reader.GetString(0));
                Compare($"Cycle {cycle}, SQL", reader.GetString(0), reader.IsDBNull(1) ? -1 : reader.GetInt64(1), reader.GetInt64(2).ToString(CultureInfo.InvariantCulture));
            }
        }

        _wrong.AddRange(_acks.Keys.Where(grain => !found.Contains(grain)).Select(grain => $"Cycle {cycle}: {grain} has no row, {_acks[grain]} was acknowledged."));
        var reminders = new HashSet<string>(StringComparer.Ordinal);
        command.CommandText = "SELECT grain_id, name FROM reminder";
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read()) reminders.Add($"{reader.GetString(0).Split('/')[1]} {reader.GetString(1)}");
        }

        _wrong.AddRange(_reminders.Where(reminder => !reminders.Contains(reminder)).Select(reminder => $"Cycle {cycle}: reminder {reminder} was acknowledged and has no row."));
    }

    /// <summary>What was acknowledged last is stored, or the one write that was under way when the kill came.</summary>
    private void Compare(string who, string grain, long counter, string etag)
    {
        if (!_acks.TryGetValue(grain, out var ack))
        {
            if (counter > 1) _wrong.Add($"{who} found {grain} at {counter}, nothing was acknowledged.");
            if (counter == 0) return;
            _acks[grain] = (counter, etag);
            _uncertain++;
            return;
        }

        if (counter == ack.Counter)
        {
            if (etag != ack.Etag) _wrong.Add($"{who} found {grain} at {counter} with ETag {etag}, acknowledged was {ack.Etag}.");
        }
        else if (counter == ack.Counter + 1)
        {
            if (etag == ack.Etag) _wrong.Add($"{who} found {grain} at {counter} with the ETag {etag} of {ack.Counter}.");

            // From here on this is what is stored.
            _stale.Add((grain, ack.Etag));
            _acks[grain] = (counter, etag);
            _uncertain++;
        }
        else
        {
            _wrong.Add($"{who} found {grain} at {counter}, acknowledged was {ack.Counter}.");
        }
    }

    /// <summary>Writes with ETags of earlier records must fail, and leave what is stored.</summary>
    private async Task VerifyStaleEtagsAsync(int cycle)
    {
        await using (var open = new OpenDatabase(_folder.Database))
        {
            foreach (var (grain, etag) in _stale.TakeLast(50))
            {
                var state = new GrainState<object> { ETag = etag };
                try
                {
                    await open.Storage.WriteStateAsync("kill-counter", OpenDatabase.Id(grain), state);
                    _wrong.Add($"Cycle {cycle}: a write of {grain} with the stale ETag {etag} was taken.");
                }
                catch (InconsistentStateException)
                {
                    _staleRefused++;
                }
            }
        }

        VerifyRows(cycle);
    }

    /// <summary>A last silo, whose clock is moved by one period, gives each reminder a tick.</summary>
    private async Task<int> VerifyReminders(ChildSilo child)
    {
        await child.ExpectAsync("waiting");
        child.GoOn();
        var ticked = new HashSet<string>(StringComparer.Ordinal);
        while (!_reminders.IsSubsetOf(ticked) && await child.ReadLineAsync() is { } line)
        {
            Note(line);
            if (line.Split(' ') is ["tick", var grain, var name]) ticked.Add($"{grain} {name}");
        }

        _wrong.AddRange(_reminders.Except(ticked).Select(reminder => $"Reminder {reminder} was acknowledged and did not tick."));
        child.GoOn();
        while (await child.ReadLineAsync() is not null)
        {
            // Reminders that were stored without an acknowledgement tick as well.
        }

        await child.WaitForExitAsync();
        return ticked.Count;
    }

    private void Say(string line)
    {
        output.WriteLine(line);
        Console.WriteLine(line);
    }
}
