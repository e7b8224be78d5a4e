using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>Room that is kept for the last writes on a full disk, and who hears of faults.</summary>
public sealed class ReserveTests : IDisposable
{
    private const int ReserveBytes = 1 << 20;
    private readonly TemporaryFolder _folder = new();
    private readonly List<SqliteFault> _faults = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_write_on_a_full_disk_goes_into_the_room_that_was_kept_and_the_fault_is_told_before_its_answer()
    {
        var database = await OpenAsync();
        Assert.True(database.HasReserve);

        // SQLite says the same when it may not grow its file as when the disk has no block left; giving up the reserve lifts the limit here, as it makes room there.
        await database.WriteAsync(session => session.Scalar("PRAGMA max_page_count=1"));
        var write = database.WriteAsync(session =>
        {
            if (!database.HasReserve) session.Scalar("PRAGMA max_page_count=1000000");
            return session.Execute("INSERT INTO grain_state VALUES ('s', 'last', 1, zeroblob(600000))");
        });
        await write.Within("the write ends");
        Assert.Equal(SqliteFaultKind.Full, Assert.Single(_faults).Kind);
        Assert.Equal(1L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state WHERE grain_key = 'last'"));
        Assert.False(database.HasReserve);

        Assert.True(await database.TryTakeReserveAsync().Within("the room is taken back"));
        Assert.True(database.HasReserve);
        await database.CloseAsync();
    }

    [Fact]
    public async Task Of_writes_that_share_a_commit_only_the_one_that_found_no_room_is_executed_again()
    {
        var database = await OpenAsync();
        await database.WriteAsync(session => session.Scalar("PRAGMA max_page_count=1"));
        await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', 'count', 0, x'00')"));
        using var mayEnd = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var holding = Task.Run(() => database.WriteAsync(_ =>
        {
            begun.SetResult();
            return mayEnd.Wait(TimeSpan.FromSeconds(30));
        }));
        await begun.Task.Within("the write that holds the writer begins");
        var small = Enumerable.Range(0, 3).Select(_ => database.WriteAsync(session => session.Execute("UPDATE grain_state SET etag = etag + 1 WHERE grain_key = 'count'"))).ToList();
        var large = database.WriteAsync(session =>
        {
            if (!database.HasReserve) session.Scalar("PRAGMA max_page_count=1000000");
            return session.Execute("INSERT INTO grain_state VALUES ('s', 'large', 1, zeroblob(600000))");
        });
        mayEnd.Set();
        Assert.True(await holding.Within("the write that held the writer ends"));
        await Task.WhenAll([.. small, large]).Within("the writes end");
        Assert.Equal(3L, TemporaryFolder.Sql(_folder.Database, "SELECT etag FROM grain_state WHERE grain_key = 'count'"));
        Assert.Equal(1L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state WHERE grain_key = 'large'"));
        Assert.Equal(SqliteFaultKind.Full, Assert.Single(_faults).Kind);
        Assert.False(database.HasReserve);
        await database.CloseAsync();
    }

    [Fact]
    public async Task Without_a_reserve_left_the_write_fails_with_the_cause()
    {
        var database = await OpenAsync(0);
        await database.WriteAsync(session => session.Scalar("PRAGMA max_page_count=1"));
        var error = await Assert.ThrowsAsync<OrleansException>(() => database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', 'k', 1, zeroblob(600000))")));
        Assert.Equal(SqliteFaultKind.Full, SqliteFault.In(error)!.Kind);
        Assert.Equal(SqliteFaultKind.Full, Assert.Single(_faults).Kind);
        await database.CloseAsync();
    }

    [Fact]
    public async Task Pages_inside_the_database_and_a_long_log_are_part_of_it()
    {
        var database = await OpenAsync();
        Assert.True(new FileInfo(_folder.Database + "-wal").Length >= ReserveBytes);
        Assert.True((long)database.Read(session => session.Scalar("PRAGMA freelist_count"))! >= ReserveBytes / 8 / 4096);

        // What stands behind the log's end is not read: neither by others, nor after a kill.
        await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', 'k', 1, x'00')"));
        Assert.Equal(1L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state"));
        var copy = _folder.File("killed.db");
        File.Copy(_folder.Database, copy);
        File.Copy(_folder.Database + "-wal", copy + "-wal");
        Assert.Equal(1L, TemporaryFolder.Sql(copy, "SELECT count(*) FROM grain_state"));
        await database.CloseAsync();
        Assert.Equal([_folder.Database, _folder.Database + ".reserve"], Directory.GetFiles(_folder.Path).Where(file => !file.Contains("killed", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public async Task A_short_log_is_made_longer_only_by_whoever_holds_the_write_lock()
    {
        var database = await OpenAsync();
        using var mayEnd = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        CutLog();
        var writing = Task.Run(() => database.WriteAsync(session =>
        {
            begun.SetResult();
            return mayEnd.Wait(TimeSpan.FromSeconds(30));
        }));
        await begun.Task.Within("the write begins");
        var taking = database.TryTakeReserveAsync();
        Assert.Equal(0, LogBytes);
        Assert.False(taking.IsCompleted);
        mayEnd.Set();
        Assert.True(await writing.Within("the write ends"));
        Assert.True(await taking.Within("the room is taken"));
        Assert.True(LogBytes >= ReserveBytes);
        await database.CloseAsync();
    }

    [Fact]
    public async Task What_is_committed_while_a_short_log_is_made_longer_stays()
    {
        const int Rounds = 5, Writers = 4, Writes = 25;
        var database = await OpenAsync();
        for (var round = 0; round < Rounds; round++)
        {
            CutLog();
            using var start = new Barrier(Writers + 1);
            var writers = Enumerable.Range(0, Writers).Select(writer => Task.Factory.StartNew(
                async () =>
                {
                    start.SignalAndWait();
                    for (var i = 0; i < Writes; i++) await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', ?1, 1, zeroblob(3000))", $"{round} {writer} {i}"));
                },
                TaskCreationOptions.LongRunning).Unwrap()).ToList();
            start.SignalAndWait();
            Assert.True(await database.TryTakeReserveAsync().Within("the room is taken"));
            await Task.WhenAll(writers).Within("the writers end");
            Assert.Empty(_faults);
            Assert.Equal((long)(round + 1) * Writers * Writes, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state"));

            // As after a kill, which reads the log from its beginning.
            var copy = _folder.File($"killed{round}.db");
            foreach (var end in (string[])["", "-wal"]) File.Copy(_folder.Database + end, copy + end);
            Assert.Equal((long)(round + 1) * Writers * Writes, TemporaryFolder.Sql(copy, "SELECT count(*) FROM grain_state"));
            Assert.Equal("ok", TemporaryFolder.Sql(copy, "PRAGMA integrity_check"));
        }

        await database.CloseAsync();
    }

    [Fact]
    public async Task Damage_that_is_met_by_a_read_or_a_check_is_told_and_stays()
    {
        var database = await OpenAsync();
        await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', 'k', 1, zeroblob(200000))"));
        await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', 'l', 1, zeroblob(200000))"));
        Assert.Null(database.Check());
        await database.CloseAsync();

        database = await OpenAsync();
        await using (var file = new FileStream(_folder.Database, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            // All but the first page.
            var garbage = new byte[file.Length - 4096];
            new Random(7).NextBytes(garbage);
            file.Position = 4096;
            await file.WriteAsync(garbage);
        }

        Assert.NotNull(database.Check());
        Assert.Contains(_faults, fault => fault.Kind == SqliteFaultKind.Corrupt && fault.Message.Contains(_folder.Database, StringComparison.Ordinal));
        Assert.Equal(SqliteFaultKind.Corrupt, database.Damage!.Kind);
        await database.CloseAsync();
    }

    [Fact]
    public async Task A_copy_is_whole_and_is_made_while_others_write()
    {
        var database = await OpenAsync();
        using var stop = new CancellationTokenSource();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writing = Task.Run(async () =>
        {
            var count = 0;
            for (; !stop.IsCancellationRequested; begun.TrySetResult()) await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', ?1, 1, zeroblob(2000))", $"k{count++}"));
            return count;
        });
        await begun.Task.Within("a write ends");
        var copies = Enumerable.Range(0, 5).Select(i => _folder.File($"copy{i}.db")).ToList();
        foreach (var copy in copies) database.CopyTo(copy);
        await stop.CancelAsync();
        var written = await writing.Within("the writer ends");
        var counts = copies.Select(copy =>
        {
            Assert.Null(SqliteDatabase.CheckCopy(copy));
            return (long)TemporaryFolder.Sql(copy, "SELECT count(*) FROM grain_state")!;
        }).ToList();
        Assert.Equal(counts.Order(), counts);
        Assert.True(counts[^1] <= written);
        Assert.True(counts[^1] > 0, "nothing was written before the last copy began");
        foreach (var copy in OperatingSystem.IsWindows() ? [] : copies) CheckMode(copy);
        Assert.Empty(Directory.GetFiles(_folder.Path, "copy*-*"));
        await database.CloseAsync();
    }

    private long LogBytes => new FileInfo(_folder.Database + "-wal").Length;

    /// <summary>Somebody moves the log into the file, and cuts it.</summary>
    private void CutLog()
    {
        Assert.Equal(0L, TemporaryFolder.Sql(_folder.Database, "PRAGMA wal_checkpoint(TRUNCATE)"));
        Assert.Equal(0, LogBytes);
    }

    private static void CheckMode(string path)
    {
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    private async Task<SqliteDatabase> OpenAsync(long reserveBytes = ReserveBytes)
    {
        var database = new SqliteDatabase(Options.Create(new SqliteOptions { Path = _folder.Database, ReserveBytes = reserveBytes }), NullLogger<SqliteDatabase>.Instance, TimeProvider.System);
        database.WhenFaulted(_faults.Add);
        database.Open();
        await Task.CompletedTask;
        return database;
    }
}
