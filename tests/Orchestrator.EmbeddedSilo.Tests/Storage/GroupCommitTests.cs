using Microsoft.Data.Sqlite;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

public sealed class GroupCommitTests : IDisposable
{
    private static readonly SqliteSchema Numbers = new(
        "numbers", ["CREATE TABLE number (n INTEGER PRIMARY KEY); CREATE TABLE child (n INTEGER REFERENCES number (n) DEFERRABLE INITIALLY DEFERRED)"]);

    private readonly TemporaryFolder _folder = new();
    private readonly OpenDatabase _open;

    public GroupCommitTests() => _open = new(_folder.Database, Numbers);

    private SqliteDatabase Database => _open.Database;

    public void Dispose()
    {
        // Xunit waits for no DisposeAsync of a test class.
        _open.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _folder.Dispose();
    }

    [Fact]
    public async Task Writes_that_wait_share_one_commit()
    {
        var held = await _open.HoldWriterAsync();
        var before = Database.Statistics.Commits;
        var writes = Enumerable.Range(0, 100).Select(Insert).ToList();
        await held.ReleaseAsync();
        Assert.Equal(Enumerable.Repeat(1, 100), await Task.WhenAll(writes).Within("all writes end"));

        // One for the write that held the writer, one for all others.
        Assert.Equal(2, Database.Statistics.Commits - before);
        Assert.Equal(100, Count());
    }

    [Fact]
    public async Task A_commit_takes_1024_writes_at_most()
    {
        var held = await _open.HoldWriterAsync();
        var before = Database.Statistics.Commits;
        var writes = Enumerable.Range(0, 2500).Select(Insert).ToList();
        await held.ReleaseAsync();
        await Task.WhenAll(writes).Within("all writes end");
        Assert.Equal(1 + 3, Database.Statistics.Commits - before);
        Assert.Equal(2500, Count());
    }

    [Fact]
    public async Task Many_writers_at_once_are_all_answered_and_stored()
    {
        var writes = Enumerable.Range(0, 40).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++) await Insert((writer * 50) + i);
        })).ToList();
        await Task.WhenAll(writes).Within("all writers end");
        Assert.Equal(2000, Count());
        Assert.InRange(Database.Statistics.Commits, 1, 2000);
        Assert.Equal((2000, 0), (Database.Statistics.Writes, Database.Statistics.FailedWrites));
    }

    [Fact]
    public async Task A_write_that_fails_fails_alone_and_is_undone_as_a_whole()
    {
        await Insert(1);
        var held = await _open.HoldWriterAsync();
        var before = Database.Statistics.Commits;
        var good = Insert(2);
        var constraint = Insert(1);
        var application = Database.WriteAsync<int>(session =>
        {
            session.Execute("INSERT INTO number VALUES (100)");
            throw new InvalidOperationException("in the middle");
        });
        var syntax = Database.WriteAsync(session => session.Execute("INSERT INTO nowhere VALUES (1)"));
        var alsoGood = Insert(3);
        await held.ReleaseAsync();
        await Task.WhenAll(good, alsoGood).Within("the good writes end");
        Assert.Equal(19, (await Assert.ThrowsAsync<SqliteException>(() => constraint)).SqliteErrorCode);
        Assert.Equal("in the middle", (await Assert.ThrowsAsync<InvalidOperationException>(() => application)).Message);
        Assert.Contains("nowhere", (await Assert.ThrowsAsync<SqliteException>(() => syntax)).Message, StringComparison.Ordinal);
        Assert.Equal(2, Database.Statistics.Commits - before);
        Assert.Equal([1L, 2L, 3L], All());
    }

    [Fact]
    public async Task When_the_commit_fails_all_its_writes_fail_and_none_is_stored()
    {
        var held = await _open.HoldWriterAsync();
        var writes = Enumerable.Range(0, 10).Select(Insert).ToList();

        // A reference that is checked at the commit only, and is broken then.
        writes.Add(Database.WriteAsync(session => session.Execute("INSERT INTO child VALUES (77)")));
        await held.ReleaseAsync();
        foreach (var write in writes)
        {
            var error = await Assert.ThrowsAsync<OrleansException>(() => write.Within("the write fails"));
            Assert.Contains($"Database '{_folder.Database}' failed: SQLite Error 19: 'FOREIGN KEY constraint failed'", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, Count());
        await Insert(1).Within("the next write ends");
        Assert.Equal(1, Count());
    }

    [Fact]
    public async Task When_a_write_ends_the_transaction_all_its_writes_fail_and_none_is_stored()
    {
        var held = await _open.HoldWriterAsync();
        List<Task<int>> writes = [Insert(1), Database.WriteAsync(session => session.Execute("ROLLBACK")), Insert(2)];
        await held.ReleaseAsync();
        foreach (var write in writes) await Assert.ThrowsAsync<OrleansException>(() => write.Within("the write fails"));
        Assert.Equal(0, Count());
        await Insert(3).Within("the next write ends");
    }

    [Fact]
    public async Task Every_write_is_answered_also_when_one_has_broken_the_connection()
    {
        var held = await _open.HoldWriterAsync();
        List<Task<int>> writes = [Insert(1), Database.WriteAsync(session => { session.Connection.Dispose(); return 0; }), Insert(2)];
        await held.ReleaseAsync();
        foreach (var write in writes) await Assert.ThrowsAnyAsync<Exception>(() => write.Within("the write fails"));
        for (var i = 0; i < 3; i++) await Assert.ThrowsAnyAsync<Exception>(() => Insert(3).Within("the next write fails"));
        Assert.Equal(0, Count());
        await Database.CloseAsync().Within("the database closes");
    }

    [Fact]
    public async Task Closing_commits_what_waits_and_later_writes_and_reads_fail_cleanly()
    {
        var held = await _open.HoldWriterAsync();
        var writes = Enumerable.Range(0, 20).Select(Insert).ToList();
        var closing = Database.CloseAsync();
        var late = Insert(100);
        Assert.Equal($"Database '{_folder.Database}' is closed.", (await Assert.ThrowsAsync<SiloUnavailableException>(() => late.Within("the late write fails"))).Message);
        await held.ReleaseAsync();
        await Task.WhenAll(writes).Within("the writes that waited end");
        await closing.Within("the database closes");
        await Assert.ThrowsAsync<SiloUnavailableException>(() => Insert(101).Within("the write after the close fails"));
        Assert.Throws<SiloUnavailableException>(() => Count());
        await Database.CloseAsync().Within("the second close ends");
        Assert.Equal(20L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM number"));
    }

    [Fact]
    public async Task Opening_and_closing_under_load_answers_every_write()
    {
        for (var round = 0; round < 20; round++)
        {
            var path = _folder.File($"round{round}.db");
            var stored = 0;
            Task[] writers;
            await using (var open = new OpenDatabase(path, Numbers))
            {
                var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                writers = [.. Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
                {
                    for (var i = 0; ; i++)
                    {
                        var n = (writer * 1_000_000) + i;
                        try
                        {
                            await open.Database.WriteStatementAsync(session => session.Execute("INSERT INTO number VALUES (?1)", n));
                        }
                        catch (SiloUnavailableException)
                        {
                            return;
                        }

                        Interlocked.Increment(ref stored);
                        if (i == 5) begun.TrySetResult();
                    }
                }))];
                await begun.Task.Within("a writer is under way");
            }

            await Task.WhenAll(writers).Within("all writers have an answer to all writes");
            Assert.Equal((long)stored, TemporaryFolder.Sql(path, "SELECT count(*) FROM number"));
        }
    }

    [Fact]
    public async Task Before_it_is_open_a_database_says_so()
    {
        var closed = new SqliteDatabase(
            Microsoft.Extensions.Options.Options.Create(new SqliteOptions { Path = _folder.Database }), Microsoft.Extensions.Logging.Abstractions.NullLogger<SqliteDatabase>.Instance, TimeProvider.System);
        Assert.Contains("is not open yet", (await Assert.ThrowsAsync<InvalidOperationException>(() => closed.WriteAsync(_ => 0))).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => closed.Read(_ => 0));
        await closed.CloseAsync();
    }

    private Task<int> Insert(int n) => Database.WriteStatementAsync(session => session.Execute("INSERT INTO number VALUES (?1)", n));

    private long Count() => Database.Read(session => (long)session.Scalar("SELECT count(*) FROM number")!);

    private List<long> All() => Database.Read(session => session.Query("SELECT n FROM number ORDER BY n", row => row.Int64(0)));
}
