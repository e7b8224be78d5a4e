using Microsoft.Data.Sqlite;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary><c>scripts/restore.sh</c> by itself; what the service makes of it is tested with the service.</summary>
public sealed class RestoreTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public RestoreTests() => Directory.CreateDirectory(Backups);

    private string Home => _scratch.At("home");

    private string Backups => _scratch.At("home", "backups");

    private string Database => _scratch.At("home", "orchestrator.db");

    private string Backup => Path.Combine(Backups, "orchestrator-20261126T040000Z.db");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task The_newest_backup_takes_the_databases_place_and_what_was_there_is_kept()
    {
        Make(Database, "now");
        Make(Backup, "then");
        Make(Path.Combine(Backups, "orchestrator-20261126T030000Z.db"), "earlier");
        await File.WriteAllTextAsync(Database + "-mark", "mark");
        await RestoreAsync();
        Assert.Equal(["then"], Read(Database));
        Assert.Equal(["now"], Read(Path.Combine(Aside, "orchestrator.db")));
        Assert.True(File.Exists(Path.Combine(Aside, "orchestrator.db-mark")));
        Assert.Equal(["orchestrator.db"], Names(Home));
        Assert.Equal(["orchestrator-20261126T030000Z.db", "orchestrator-20261126T040000Z.db"], Names(Backups));
    }

    [Fact]
    public async Task A_file_comes_back_with_the_commits_in_the_log_beside_it()
    {
        Directory.CreateDirectory(_scratch.At("home", "replaced-1"));
        var kept = _scratch.At("home", "replaced-1", "orchestrator.db");
        Make(Database, "now");
        LeaveWithLog(kept, "in the log");
        await RestoreAsync(kept);
        Assert.Equal(["in the log"], Read(Database));
        Assert.True(File.Exists(kept + "-wal"));
    }

    [Theory]
    [InlineData("orchestrator.db")]
    [InlineData("orchestrator.db-wal")]
    public async Task One_that_is_killed_leaves_a_database_or_what_the_service_refuses_to_start_with(string killedBefore)
    {
        LeaveWithLog(Database, "now");
        LeaveWithLog(Backup, "then");
        _scratch.Script("mv", $"for last; do :; done\nif [ \"$last\" = \"$ORCHESTRATOR_HOME/{killedBefore}\" ]; then kill -9 $PPID; exit 1; fi\nexec /bin/mv \"$@\"");
        var run = await ShellRun.BashAsync(Home, ["scripts/restore.sh"], variables: WithOwnPrograms);
        Assert.NotEqual(0, run.ExitCode);
        Assert.True(new FileInfo(Database).Length > 0);
        Assert.True(killedBefore == "orchestrator.db" || (File.Exists(Database + ".restoring-wal") && !File.Exists(Database + ".restoring")));

        File.Delete(_scratch.At("mv"));
        Directory.Move(Aside, _scratch.At("aside"));
        await RestoreAsync();
        Assert.Equal(["then"], Read(Database));
    }

    [Fact]
    public async Task An_sqlite3_that_cannot_read_our_tables_checks_nothing()
    {
        Make(Backup, "then");
        _scratch.Script("sqlite3", "echo 'Error: malformed database schema' >&2; exit 1");
        var run = await RestoreAsync(variables: WithOwnPrograms);
        Assert.Contains("is not checked", run.Error, StringComparison.Ordinal);
        Assert.Equal(["then"], Read(Database));
    }

    [SqliteFact]
    public async Task The_check_leaves_nothing_and_a_damaged_backup_changes_nothing()
    {
        Make(Database, "now");
        Make(Backup, "then");
        Damage(Backup);
        var run = await ShellRun.BashAsync(Home, ["scripts/restore.sh"]);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("is damaged itself", run.Error, StringComparison.Ordinal);
        Assert.Equal(["orchestrator.db"], Names(Home));
        Assert.Equal([Path.GetFileName(Backup)], Names(Backups));
        Assert.Equal(["now"], Read(Database));
    }

    private string Aside => Assert.Single(Directory.GetDirectories(Home, "replaced-2*"));

    /// <summary>Programs that the test has written come first.</summary>
    private Dictionary<string, string> WithOwnPrograms => new() { ["PATH"] = $"{_scratch.Root}:{Environment.GetEnvironmentVariable("PATH")}" };

    private async Task<ShellRun> RestoreAsync(string? file = null, Dictionary<string, string>? variables = null)
    {
        var run = await ShellRun.BashAsync(Home, file is null ? ["scripts/restore.sh"] : ["scripts/restore.sh", file], variables: variables);
        Assert.True(run.ExitCode == 0, run.Error);
        return run;
    }

    private static List<string> Names(string folder) => [.. Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static void Make(string path, string what)
    {
        using var connection = Open(path);
        Write(connection, what);
    }

    private static void Write(SqliteConnection connection, string what)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode=WAL; CREATE TABLE t (what TEXT) STRICT; INSERT INTO t VALUES ($what)";
        command.Parameters.AddWithValue("$what", what);
        command.ExecuteNonQuery();
    }

    /// <summary>As a killed process does.</summary>
    private void LeaveWithLog(string path, string what)
    {
        var live = _scratch.At("live.db");
        using (var connection = Open(live))
        {
            Write(connection, what);
            foreach (var end in (string[])["", "-wal"]) File.Copy(live + end, path + end);
        }

        File.Delete(live);
    }

    private static List<string> Read(string path)
    {
        using var connection = Open(path);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT what FROM t";
        using var reader = command.ExecuteReader();
        var all = new List<string>();
        while (reader.Read()) all.Add(reader.GetString(0));
        return all;
    }

    private static void Damage(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
        var garbage = new byte[file.Length - 4096];
        new Random(3).NextBytes(garbage);
        file.Position = 4096;
        file.Write(garbage);
    }
}
