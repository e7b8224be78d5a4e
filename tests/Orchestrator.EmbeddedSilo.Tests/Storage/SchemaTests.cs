using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

public sealed class SchemaTests : IDisposable
{
    // An INSERT shows how often a migration ran.
    private const string First = "CREATE TABLE run (migration TEXT); INSERT INTO run VALUES ('first')";
    private const string Second = "ALTER TABLE run ADD COLUMN more INTEGER; INSERT INTO run VALUES ('second', 2)";
    private const string Broken = "INSERT INTO run VALUES ('third', 3); CREATE TABLE other (x); SELECT nonsense";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Each_migration_runs_once_and_in_order()
    {
        foreach (var migrations in new string[][] { [First], [First], [First, Second], [First, Second] })
        {
            await using (new OpenDatabase(_folder.Database, new SqliteSchema("app", migrations)))
            {
                // Opening is what migrates.
            }

            Assert.Equal((long)migrations.Length, TemporaryFolder.Sql(_folder.Database, "SELECT version FROM schema_version WHERE component = 'app'"));
        }

        Assert.Equal("first,second", TemporaryFolder.Sql(_folder.Database, "SELECT group_concat(migration, ',') FROM (SELECT migration FROM run ORDER BY rowid)"));
    }

    [Fact]
    public async Task A_new_database_runs_all_migrations_of_all_components()
    {
        await using (new OpenDatabase(_folder.Database, new SqliteSchema("app", [First, Second]), new SqliteSchema("more", ["CREATE TABLE more (x)"])))
        {
            // Opening is what migrates.
        }

        Assert.Equal("app=2,more=1,silo=1", TemporaryFolder.Sql(_folder.Database, "SELECT group_concat(component || '=' || version, ',') FROM (SELECT * FROM schema_version ORDER BY component)"));
        Assert.Equal(2L, TemporaryFolder.Sql(_folder.Database, "SELECT count(*) FROM run"));
    }

    [Fact]
    public async Task A_migration_that_fails_leaves_the_database_as_it_was()
    {
        await using (var open = new OpenDatabase(_folder.Database, new SqliteSchema("app", [First]))) await open.WriteAsync("a", new GrainState<NoteState>());
        var before = TemporaryFolder.Hash(_folder.Database);
        var error = Assert.Throws<OrleansConfigurationException>(() => new OpenDatabase(_folder.Database, new SqliteSchema("app", [First, Second, Broken])));
        Assert.Equal(
            $"Migration 3 of the 'app' tables failed in database '{_folder.Database}': SQLite Error 1: 'no such column: nonsense'. The tables were left as they were.", error.Message);
        Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
        await using var again = new OpenDatabase(_folder.Database, new SqliteSchema("app", [First, Second]));
        Assert.True((await again.ReadAsync<NoteState>("a")).RecordExists);
        Assert.Equal(2L, again.Database.Read(session => session.Scalar("SELECT count(*) FROM run")));
    }

    [Fact]
    public async Task A_new_database_whose_first_migration_fails_can_be_opened_again()
    {
        Assert.Throws<OrleansConfigurationException>(() => new OpenDatabase(_folder.Database, new SqliteSchema("app", [Broken])));
        await using var open = new OpenDatabase(_folder.Database, new SqliteSchema("app", [First]));
        Assert.Equal(1L, open.Database.Read(session => session.Scalar("SELECT count(*) FROM run")));
    }

    [Fact]
    public async Task A_migration_for_which_the_disk_is_too_small_names_the_disk()
    {
        await using (new OpenDatabase(_folder.Database))
        {
            // Makes the silo's tables.
        }

        var before = TemporaryFolder.Hash(_folder.Database);
        var error = Assert.Throws<OrleansConfigurationException>(() => new OpenDatabase(
            _folder.Database, new SqliteSchema("app", ["CREATE TABLE a (x); PRAGMA max_page_count=1; INSERT INTO a VALUES (zeroblob(1000000))"])));
        Assert.Equal($"The disk of database '{_folder.Database}' is full. Free some space, then try again.", error.Message);
        Assert.Equal(before, TemporaryFolder.Hash(_folder.Database));
    }
}
