using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Orleans;

namespace Orchestrator.Benchmarks;

/// <summary>Durable writes, each compared with a bare SQLite connection that commits one row at a time to the same disk in the same round.</summary>
internal static class StorageBenchmarks
{
    private static readonly string Text = new('x', 1024);

    public static async Task RunAsync(IGrainFactory grains, Report report, int rounds, string folder)
    {
        using var raw = new RawSqlite(Path.Combine(folder, "raw.db"));
        foreach (var (writers, writesEach, goal) in new[] { (1, 4000, "≥ 80 %"), (16, 2000, "≥ 400 %"), (64, 1000, "≥ 1000 %") })
        {
            var notes = Enumerable.Range(0, writers).Select(i => grains.GetGrain<INoteGrain>($"writer-{i}")).ToArray();
            var rawRates = new List<double>();
            var ratios = new List<double>();
            var rate = await Measurement.OfAsync(rounds, async () =>
            {
                var before = raw.CommitsPerSecond(2000, Text);
                var rate = await Measurement.RateAsync(writers, writesEach, (writer, _) => notes[writer].Write(Text));
                var after = raw.CommitsPerSecond(2000, Text);
                rawRates.Add((before + after) / 2);
                ratios.Add(rate / rawRates[^1]);
                return rate;
            });
            var ratio = new Measurement([.. ratios.Skip(1)]);
            report.Add(
                $"durable 1 KB state writes/s at FULL, {writers} writer(s); raw SQLite {new Measurement([.. rawRates.Skip(1)]).Text("0")}/s",
                $"{rate.Text("0")}/s = {ratio.Text("0", 0.01)} % of raw", goal);
        }
    }

    /// <summary>One connection, one row a transaction, prepared once: the most that a single writer gets from SQLite at <c>synchronous=FULL</c>.</summary>
    private sealed class RawSqlite : IDisposable
    {
        private readonly SqliteConnection _connection;
        private readonly SqliteCommand _insert;

        public RawSqlite(string path)
        {
            _connection = new($"Data Source={path};Pooling=False");
            _connection.Open();
            using (var setUp = _connection.CreateCommand())
            {
                setUp.CommandText = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; CREATE TABLE note (key TEXT PRIMARY KEY, etag INTEGER, json BLOB)";
                setUp.ExecuteNonQuery();
            }

            _insert = _connection.CreateCommand();
            _insert.CommandText = "INSERT INTO note (key, etag, json) VALUES ($key, 1, $json) ON CONFLICT (key) DO UPDATE SET etag = etag + 1, json = excluded.json";
            _insert.Parameters.AddWithValue("$key", "raw");
            _insert.Parameters.Add(new SqliteParameter { ParameterName = "$json" });
        }

        public double CommitsPerSecond(int commits, string text)
        {
            var json = System.Text.Encoding.UTF8.GetBytes($"{{\"text\":\"{text}\",\"version\":1}}");
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < commits; i++)
            {
                _insert.Parameters[1].Value = json;
                _insert.ExecuteNonQuery();
            }

            return commits / watch.Elapsed.TotalSeconds;
        }

        public void Dispose()
        {
            _insert.Dispose();
            _connection.Dispose();
        }
    }
}
