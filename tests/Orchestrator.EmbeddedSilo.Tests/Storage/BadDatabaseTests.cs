using Microsoft.Data.Sqlite;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.EmbeddedSilo.Tests.Kill;
using Orleans.Runtime;
using Xunit.Abstractions;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>What a silo does with a file that it cannot or must not use: it says why and what to do, and leaves the file as it is.</summary>
public sealed class BadDatabaseTests(ITestOutputHelper output) : IDisposable
{
    private const UnixFileMode ReadWrite = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private const UnixFileMode All = ReadWrite | UnixFileMode.UserExecute | UnixFileMode.OtherExecute;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public async Task An_empty_path_is_refused(string path) =>
        Assert.Equal("SqliteOptions.Path is empty: name the database file.", await SqliteSilo.RefusalAsync(path));

    [Theory]
    [InlineData(-1)]
    [InlineData(3600.001)]
    public async Task A_busy_timeout_out_of_its_range_is_refused(double seconds) => Assert.Contains(
        "SqliteOptions.BusyTimeout is", await SqliteSilo.RefusalAsync(_folder.Database, options => options.BusyTimeout = TimeSpan.FromSeconds(seconds)), StringComparison.Ordinal);

    [Fact]
    public async Task A_missing_folder_is_refused_and_not_made()
    {
        var path = Path.Combine(_folder.Path, "missing", "silo.db");
        Assert.Equal($"The folder of database '{path}' does not exist. Make it, or change SqliteOptions.Path.", await SqliteSilo.RefusalAsync(path));
        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    [Fact]
    public async Task A_path_that_is_a_folder_is_refused() =>
        Assert.Equal($"Database '{_folder.Path}' is a folder. Name a file in it as SqliteOptions.Path.", await SqliteSilo.RefusalAsync(_folder.Path));

    [Theory]
    [InlineData(5, "")]
    [InlineData(100, "")]
    [InlineData(20_000, "")]
    [InlineData(20_000, "SQLite format 3\0")]
    public async Task A_file_of_garbage_is_refused_and_stays_as_it_is(int length, string start)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        System.Text.Encoding.ASCII.GetBytes(start).CopyTo(bytes, 0);
        await File.WriteAllBytesAsync(_folder.Database, bytes);
        var before = TemporaryFolder.Hash(_folder.Database);
        Assert.StartsWith($"Database '{_folder.Database}' is corrupt, or no SQLite database", await SqliteSilo.RefusalAsync(_folder.Database), StringComparison.Ordinal);
        Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(30)]
    public async Task A_page_of_garbage_is_found_at_start_and_the_file_stays_as_it_is(int page)
    {
        await using (var open = new OpenDatabase(_folder.Database))
        {
            for (var i = 0; i < 60; i++) await open.WriteAsync($"n{i}", new GrainState<List<string>> { State = [new string('x', 3000)] });
        }

        await using (var file = File.OpenWrite(_folder.Database))
        {
            file.Position = page * 4096;
            var garbage = new byte[4096];
            new Random(page).NextBytes(garbage);
            await file.WriteAsync(garbage);
        }

        var before = TemporaryFolder.Hash(_folder.Database);
        var message = await SqliteSilo.RefusalAsync(_folder.Database);
        Assert.StartsWith($"Database '{_folder.Database}' is corrupt, or no SQLite database (", message, StringComparison.Ordinal);
        Assert.EndsWith("It was left as it is: restore a backup, or move it away to start empty.", message, StringComparison.Ordinal);
        Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
    }

    [Theory]
    [InlineData("PRAGMA application_id=1234; CREATE TABLE theirs (x)", "1234")]
    [InlineData("CREATE TABLE theirs (x)", "0")]
    [InlineData("PRAGMA application_id=1234", "1234")]
    public async Task A_database_of_another_application_is_refused_and_stays_as_it_is(string theirs, string id)
    {
        TemporaryFolder.Sql(_folder.Database, theirs);
        var before = TemporaryFolder.Hash(_folder.Database);
        Assert.Equal(
            $"'{_folder.Database}' is an SQLite database of another application (application_id {id}). Name another file.", await SqliteSilo.RefusalAsync(_folder.Database));
        Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task The_write_ahead_log_that_another_applications_killed_process_left_stays_as_it_is()
    {
        var live = _folder.File("live.db");
        using (var connection = TemporaryFolder.Connect(live))
        {
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA journal_mode=WAL; PRAGMA application_id=1234; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)";
            command.ExecuteNonQuery();

            // What lies on the disk now is what a kill would leave.
            File.Copy(live, _folder.Database);
            File.Copy(live + "-wal", _folder.Database + "-wal");
        }

        var before = (TemporaryFolder.Hash(_folder.Database), TemporaryFolder.Hash(_folder.Database + "-wal"));
        Assert.Contains("of another application (application_id 1234)", await SqliteSilo.RefusalAsync(_folder.Database), StringComparison.Ordinal);
        Assert.Equal(before, (TemporaryFolder.Hash(_folder.Database), TemporaryFolder.Hash(_folder.Database + "-wal")));
        Assert.Equal(1L, TemporaryFolder.Sql(_folder.Database, "SELECT x FROM theirs"));
    }

    [Theory]
    [InlineData("silo", 99, 1)]
    [InlineData("app", 3, 2)]
    public async Task A_database_of_a_newer_release_is_refused_and_stays_as_it_is(string component, int version, int known)
    {
        void TwoMigrations(SqliteOptions options) => options.Schemas.Add(new("app", ["CREATE TABLE a (x)", "CREATE TABLE b (x)"]));
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database, TwoMigrations)) await silo.Note("a").Write("kept");
        TemporaryFolder.Sql(_folder.Database, $"UPDATE schema_version SET version = {version} WHERE component = '{component}'");
        var before = TemporaryFolder.Hash(_folder.Database);
        Assert.Equal(
            $"Database '{_folder.Database}' was written by a newer release: its '{component}' tables have version {version}, this release knows {known}. "
            + "Start the newer release, or restore a backup.",
            await SqliteSilo.RefusalAsync(_folder.Database, TwoMigrations));
        Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
    }

    [Fact]
    public async Task A_database_that_another_process_has_locked_is_refused_at_start_and_can_be_used_when_it_is_free()
    {
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database)) await silo.Note("a").Write("kept");
        using var other = await LockInAnotherProcessAsync();
        var message = await SqliteSilo.RefusalAsync(_folder.Database, options => options.BusyTimeout = TimeSpan.FromMilliseconds(50));
        Assert.Equal($"Database '{_folder.Database}' is locked by another process. Stop that one (fuser '{_folder.Database}' names it), then try again.", message);
        await UnlockAsync(other);
        await using var again = await SqliteSilo.StartAsync(_folder.Database);
        Assert.Equal("untitled: kept", await again.Note("a").Read().Within("the note is read"));
    }

    [Fact]
    public async Task An_exclusive_lock_at_start_is_reported_in_the_busy_timeout()
    {
        TemporaryFolder.Sql(_folder.Database, "PRAGMA application_id=1330791240; CREATE TABLE schema_version (component, version)");
        using var connection = TemporaryFolder.Connect(_folder.Database);
        using var command = connection.CreateCommand();
        command.CommandText = "BEGIN EXCLUSIVE";
        command.ExecuteNonQuery();
        var message = await SqliteSilo.RefusalAsync(_folder.Database, options => options.BusyTimeout = TimeSpan.Zero);
        Assert.Contains("is locked by another process", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_write_to_a_locked_database_fails_with_the_cause_and_works_again_when_it_is_free()
    {
        await using var silo = await SqliteSilo.StartAsync(_folder.Database, options => options.BusyTimeout = TimeSpan.FromMilliseconds(50));
        await silo.Note("a").Write("before");
        using var other = await LockInAnotherProcessAsync();
        var error = await Assert.ThrowsAsync<OrleansException>(() => silo.Note("a").Write("lost").Within("the write fails"));
        Assert.Equal($"Database '{_folder.Database}' is locked by another process. Stop that one (fuser '{_folder.Database}' names it), then try again.", error.Message);

        // So do writes that share a commit, and those of the application.
        var writes = Enumerable.Range(0, 20).Select(i => silo.Note($"n{i}").Write("lost")).ToList();
        writes.Add(silo.Database.WriteAsync(session => session.Execute("DELETE FROM grain_state")));
        foreach (var write in writes)
            Assert.Contains("is locked by another process", (await Assert.ThrowsAsync<OrleansException>(() => write.Within("the write fails"))).Message, StringComparison.Ordinal);
        await UnlockAsync(other);
        await silo.Note("a").Write("after").Within("the note is written");
        Assert.Equal(1L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state"));
        Assert.Equal("untitled: after", await silo.Note("a").Read());
    }

    [Fact]
    public async Task Writes_wait_for_a_lock_and_none_is_lost()
    {
        await using var silo = await SqliteSilo.StartAsync(_folder.Database);
        using var other = await LockInAnotherProcessAsync();
        var writes = Enumerable.Range(0, 50).Select(i => Task.Run(() => silo.Note($"n{i}").Write("kept"))).ToList();
        Assert.DoesNotContain(writes, write => write.IsCompleted);
        await UnlockAsync(other);
        await Task.WhenAll(writes).Within("all writes end");
        Assert.Equal(50L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state"));
    }

    [Theory]
    [InlineData("the file is read-only", UnixFileMode.UserRead | UnixFileMode.OtherRead, All, "is read-only. Give this user the right to write the file and its folder.")]
    [InlineData("the folder is read-only", ReadWrite, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute, "is read-only. Give this user the right to write the file and its folder.")]
    [InlineData("the file is another's", UnixFileMode.None, All, "cannot be opened. Check that its folder exists and that this user may write the file and the folder.")]
    public async Task A_database_that_may_not_be_written_is_refused_and_stays_as_it_is(string what, UnixFileMode file, UnixFileMode folder, string expected)
    {
        _ = what;
        if (OperatingSystem.IsWindows()) return; // Rights are tested where they are Unix'.
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database)) await silo.Note("a").Write("kept");
        File.SetUnixFileMode(_folder.Database, file);
        File.SetUnixFileMode(_folder.Path, folder);
        var isRoot = Environment.IsPrivilegedProcess;
        var before = isRoot ? TemporaryFolder.Hash(_folder.Database) : "";

        // Nothing is read-only to root, who runs tests in containers: then the silo is started as nobody.
        string[] asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        using var child = ChildSilo.Start(["verify", _folder.Database, "0"], isRoot ? asNobody : []);
        await child.ExpectAsync("waiting");
        child.GoOn();
        await child.ExpectAsync("opening");
        await child.ExpectAsync($"refused Database '{_folder.Database}' {expected}");
        await child.WaitForExitAsync();
        if (isRoot) Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
        File.SetUnixFileMode(_folder.Path, All);
        File.SetUnixFileMode(_folder.Database, ReadWrite);
        await using var again = await SqliteSilo.StartAsync(_folder.Database);
        Assert.Equal("untitled: kept", await again.Note("a").Read());
    }

    [Fact]
    public async Task A_write_to_a_full_disk_fails_with_the_cause_and_works_again_when_there_is_space()
    {
        await using var silo = await SqliteSilo.StartAsync(_folder.Database);
        await silo.Note("a").Write("before");

        // SQLite says the same when it may not grow its file as when the disk has no block left.
        await silo.Database.WriteAsync(session => session.Scalar("PRAGMA max_page_count=1"));
        var error = await Assert.ThrowsAsync<OrleansException>(() => silo.Note("a").Write(new string('x', 100_000)).Within("the write fails"));
        Assert.Equal($"The disk of database '{_folder.Database}' is full. Free some space, then try again.", error.Message);
        Assert.Equal(13, Assert.IsType<SqliteException>(error.InnerException).SqliteErrorCode);

        // In a commit of many, those with place or without it are told alike by whether they are stored.
        var writes = Enumerable.Range(0, 20).ToDictionary(i => $"n{i}", i => Task.Run(() => silo.Note($"n{i}").Write(new string('x', i % 2 == 0 ? 10 : 50_000))));
        foreach (var (_, write) in writes) await Task.WhenAny(write).Within("the write ends");
        foreach (var (key, write) in writes)
        {
            Assert.Equal(write.IsCompletedSuccessfully ? 1L : 0L, TemporaryFolder.Sql(_folder.Database, $"SELECT count(*) FROM grain_state WHERE grain_key = '{key}'"));
            if (write.IsFaulted) Assert.Contains("is full. Free some space", write.Exception!.InnerException!.Message, StringComparison.Ordinal);
        }

        await silo.Database.WriteAsync(session => session.Scalar("PRAGMA max_page_count=1000000"));
        await silo.Note("a").Write(new string('y', 100_000)).Within("the note is written");
        Assert.Equal("ok", TemporaryFolder.Sql(_folder.Database, "PRAGMA integrity_check"));
        Assert.EndsWith("yyy", await silo.Note("a").Read(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silo_on_a_disk_without_space_says_so_and_goes_on_when_there_is_some()
    {
        // A disk of 3.5 MB that nobody else sees. Only root may mount, and not in every container.
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            output.WriteLine("Not run: only root can mount a small disk. The same error is made by max_page_count in the test above.");
            return;
        }

        using var child = ChildSilo.Start(
            ["fill", _folder.Database, "24"], "unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=3500k tmpfs \"$0\" && exec \"$@\"", _folder.Path);
        if (await child.ReadLineAsync() is null)
        {
            output.WriteLine($"Not run: {await child.ErrorsAsync()}");
            return;
        }

        child.GoOn();
        var lines = new List<string>();
        while (await child.ReadLineAsync() is { } line) lines.Add(line);
        await child.WaitForExitAsync();
        Assert.True(lines.Contains($"failed The disk of database '{_folder.Database}' is full. Free some space, then try again."), $"{string.Join('\n', lines)}\n{await child.ErrorsAsync()}");
        Assert.Equal(24, lines.Count(line => line.StartsWith("ack ", StringComparison.Ordinal) && line.EndsWith(" True", StringComparison.Ordinal)));
        Assert.Equal("stopped", lines[^1]);
    }

    [Fact]
    public async Task Reading_a_page_that_went_bad_after_the_start_fails_with_the_cause_for_that_grain()
    {
        await using (var first = await SqliteSilo.StartAsync(_folder.Database))
        {
            await first.Note("good").Write("kept");
            await first.Note("bad").Write(new string('x', 50_000));
        }

        await using var silo = await SqliteSilo.StartAsync(_folder.Database);
        await silo.Database.WriteAsync(session => session.Execute("CREATE TABLE filler (x)"));

        // Two overflow pages of the large row in one: a chain that ends too early.
        await using (var file = new FileStream(_folder.Database, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(8 * 4096);
        }

        var error = await Assert.ThrowsAsync<OrleansException>(() => silo.Note("bad").Read().Within("the read fails"));
        Assert.Contains($"Database '{_folder.Database}'", error.Message, StringComparison.Ordinal);
        Assert.Equal("untitled: kept", await silo.Note("good").Read());
    }

    [Fact]
    public async Task A_start_that_fails_later_leaves_the_database_closed()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => SqliteSilo.StartAsync(
            _folder.Database, configureSilo: silo => Orleans.Hosting.SiloBuilderStartupExtensions.AddStartupTask(silo, (_, _) => throw new InvalidOperationException("startup task"))));
        Assert.Equal("startup task", error.Message);
        Assert.Equal([_folder.Database], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task A_clean_stop_leaves_one_file()
    {
        await using (var silo = await SqliteSilo.StartAsync(_folder.Database))
        {
            await silo.Note("a").Write("kept");
            await Task.WhenAll(Enumerable.Range(0, 50).Select(i => silo.Note($"n{i}").Read()));
        }

        Assert.Equal([_folder.Database], Directory.GetFiles(_folder.Path));
    }

    private async Task<ChildSilo> LockInAnotherProcessAsync()
    {
        var child = ChildSilo.Start(["lock", _folder.Database]);
        await child.ExpectAsync("waiting");
        child.GoOn();
        await child.ExpectAsync("opening");
        await child.ExpectAsync("locked");
        return child;
    }

    private static async Task UnlockAsync(ChildSilo child)
    {
        child.GoOn();
        await child.WaitForExitAsync();
    }
}
