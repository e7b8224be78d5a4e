using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>One flipped byte in the write-ahead log drops commits without a word of SQLite's: the mark beside the database tells.</summary>
public sealed class CommitLossTests : IDisposable
{
    private const int Commits = 40, FrameBytes = 24 + 4096;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_killed_process_loses_nothing_and_nothing_is_claimed()
    {
        await LeaveAsync(_folder.Database);
        await OpenAsync(_folder.Database, expectedRows: Commits, expectedLoss: null);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1 << 20)]
    public async Task A_flipped_byte_in_the_log_is_noticed_and_the_files_are_kept_aside(int reserveBytes)
    {
        await LeaveAsync(_folder.Database, reserveBytes);
        var log = WriteAheadLog.Read(_folder.Database + "-wal")!;
        Flip(_folder.Database + "-wal", 32 + ((long)log.Frames / 2 * FrameBytes) + 500);
        var before = TemporaryFolder.Hash(_folder.Database + "-wal");
        await OpenAsync(_folder.Database, expectedRows: null, expectedLoss: "is damaged behind page", reserveBytes);
        Assert.Equal(before, TemporaryFolder.Hash(Assert.Single(Directory.GetFiles(_folder.Path, "*.lost-*-wal"))));

        // The next start has nothing to say about it.
        await OpenAsync(_folder.Database, expectedRows: null, expectedLoss: null, reserveBytes);
    }

    [Fact]
    public async Task A_log_that_is_gone_or_lost_its_beginning_is_noticed()
    {
        await LeaveAsync(_folder.Database);
        var other = _folder.File("other.db");
        foreach (var end in (string[])["", "-wal", "-mark"]) File.Copy(_folder.Database + end, other + end);
        Flip(_folder.Database + "-wal", 17);
        await OpenAsync(_folder.Database, expectedRows: null, expectedLoss: "is gone or its beginning is damaged");
        File.Delete(other + "-wal");
        await OpenAsync(other, expectedRows: null, expectedLoss: "is gone or its beginning is damaged");
    }

    [Fact]
    public async Task A_loss_is_told_once_also_when_the_next_start_comes_before_the_next_commit()
    {
        if (!OperatingSystem.IsLinux()) return; // Where nothing is remembered, nothing is noticed.
        await LeaveAsync(_folder.Database);
        Flip(_folder.Database + "-wal", 32 + (20L * FrameBytes) + 500);
        var database = Open(_folder.Database, 0);
        Assert.NotNull(database.Loss);
        var killed = _folder.File("killed.db");
        foreach (var end in (string[])["", "-wal", "-mark"]) File.Copy(_folder.Database + end, killed + end);
        await database.CloseAsync();
        await OpenAsync(killed, expectedRows: null, expectedLoss: null);
    }

    [Fact]
    public async Task Starts_that_fail_keep_one_copy_of_what_they_were_about_to_drop()
    {
        if (!OperatingSystem.IsLinux()) return; // Where nothing is remembered, nothing is noticed.
        await LeaveAsync(_folder.Database);
        Flip(_folder.Database + "-wal", 32 + 500);
        Flip(_folder.Database, 1);
        for (var i = 0; i < 3; i++)
        {
            Assert.Throws<OrleansConfigurationException>(() => Open(_folder.Database, 0, i));
            Assert.Equal(2, Directory.GetFiles(_folder.Path, "*.lost-*").Length);
        }
    }

    [Theory]
    [InlineData("empty", "-wal")]
    [InlineData("empty", "-mark")]
    [InlineData("gone", "-wal")]
    [InlineData("gone", "-mark")]
    [InlineData("gone", ".restoring")]
    [InlineData("whole", ".restoring-wal")]
    public async Task A_database_without_what_is_beside_it_is_refused_and_all_stays_as_it_is(string how, string beside)
    {
        await LeaveAsync(_folder.Database);
        if (!File.Exists(_folder.Database + beside)) File.Copy(_folder.Database + "-wal", _folder.Database + beside);
        foreach (var end in (string[])["-wal", "-mark"])
            if (end != beside) File.Delete(_folder.Database + end);
        if (how == "gone") File.Delete(_folder.Database);
        if (how == "empty") await File.WriteAllBytesAsync(_folder.Database, []);
        var before = (Directory.GetFiles(_folder.Path).Order().ToList(), TemporaryFolder.Hash(_folder.Database), TemporaryFolder.Hash(_folder.Database + beside));
        var error = Assert.Throws<OrleansConfigurationException>(() => Open(_folder.Database, 0));
        Assert.Equal(SqliteFaultKind.Corrupt, SqliteFault.In(error)!.Kind);
        Assert.Equal(before.Item1, Directory.GetFiles(_folder.Path).Order());
        Assert.Equal((before.Item2, before.Item3), (TemporaryFolder.Hash(_folder.Database), TemporaryFolder.Hash(_folder.Database + beside)));
    }

    [Fact]
    public async Task Another_program_that_moves_the_log_into_the_file_is_no_loss()
    {
        await LeaveAsync(_folder.Database);
        Assert.Equal((long)Commits, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM grain_state"));
        Assert.False(File.Exists(_folder.Database + "-wal"));
        await OpenAsync(_folder.Database, expectedRows: Commits, expectedLoss: null);
    }

    [Fact]
    public async Task A_log_that_began_anew_since_or_was_moved_into_the_file_is_no_loss()
    {
        await LeaveAsync(_folder.Database, commits: 3000);
        await OpenAsync(_folder.Database, expectedRows: 3000, expectedLoss: null);
    }

    [Fact]
    public async Task A_mark_that_was_cut_or_is_none_is_not_believed()
    {
        await LeaveAsync(_folder.Database);
        Flip(_folder.Database + "-mark", 30);
        await OpenAsync(_folder.Database, expectedRows: Commits, expectedLoss: null);
    }

    /// <summary>Files as a killed process leaves them.</summary>
    private async Task LeaveAsync(string path, int reserveBytes = 0, int commits = Commits)
    {
        var live = _folder.File("live.db");
        var database = Open(live, reserveBytes);
        for (var i = 0; i < commits; i++) await database.WriteAsync(session => session.Execute("INSERT INTO grain_state VALUES ('s', ?1, 1, x'00')", $"k{i}"));
        foreach (var end in (string[])["", "-wal", "-mark"]) File.Copy(live + end, path + end);
        await database.CloseAsync();
        foreach (var file in Directory.GetFiles(_folder.Path, "live.db*")) File.Delete(file);
    }

    private static async Task OpenAsync(string path, long? expectedRows, string? expectedLoss, int reserveBytes = 0)
    {
        // Where nothing is remembered, nothing is noticed.
        if (!OperatingSystem.IsLinux()) expectedLoss = null;
        var database = Open(path, reserveBytes);
        var rows = (long)database.Read(session => session.Scalar("SELECT count(*) FROM grain_state"))!;
        if (expectedLoss is null) Assert.Null(database.Loss);
        else Assert.Contains(expectedLoss, database.Loss, StringComparison.Ordinal);
        if (expectedRows is not null) Assert.Equal(expectedRows, rows);
        else Assert.True(rows < Commits);
        Assert.Equal("ok", database.Read(session => session.Scalar("PRAGMA integrity_check")));
        await database.CloseAsync();
        Assert.False(File.Exists(path + "-mark"));
    }

    private static SqliteDatabase Open(string path, int reserveBytes, int hoursLater = 0)
    {
        var database = new SqliteDatabase(
            Options.Create(new SqliteOptions { Path = path, ReserveBytes = reserveBytes }), NullLogger<SqliteDatabase>.Instance, new Later(hoursLater));
        database.Open();
        return database;
    }

    private sealed class Later(int hours) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddHours(hours);
    }

    private static void Flip(string path, long at)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 0x10));
    }
}
