using Microsoft.Data.Sqlite;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Brings the tables of all components to the versions that this release knows, in one transaction.</summary>
internal static class SqliteSchemaMigrator
{
    /// <exception cref="OrleansConfigurationException">The database is somebody else's, or newer than this release.</exception>
    /// <exception cref="SqliteException">The database cannot be used.</exception>
    public static void Migrate(SqliteSession session, int applicationId, IReadOnlyList<SqliteSchema> schemas, string path)
    {
        // Only what was checked may be changed: first the file's header and the versions in it, then the journal mode, then the tables. Until then,
        // closing must not move a write-ahead log, that a killed process left, into the file.
        Db(session, SQLitePCL.raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
        var found = (long)session.Scalar("PRAGMA application_id")!;
        var isEmpty = (long)session.Scalar("SELECT count(*) FROM sqlite_master")! == 0;
        if (found != applicationId && !(found == 0 && isEmpty))
            throw new OrleansConfigurationException($"'{path}' is an SQLite database of another application (application_id {found}). Name another file.");
        if (!isEmpty) Check(session, schemas, path);
        Db(session, SQLitePCL.raw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0);
        if (session.Scalar("PRAGMA journal_mode=WAL") is not "wal")
            throw new OrleansConfigurationException($"Database '{path}' cannot have a write-ahead log there. Put it on a local disk.");
        session.Execute("BEGIN IMMEDIATE");
        try
        {
            session.ExecuteScript($"PRAGMA application_id={applicationId}");
            session.Execute("CREATE TABLE IF NOT EXISTS schema_version (component TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT");
            foreach (var schema in schemas)
            {
                for (var version = VersionOf(session, schema.Component); version < schema.Migrations.Count; version++) Run(session, schema, version, path);
                session.Execute(
                    "INSERT INTO schema_version (component, version) VALUES (?1, ?2) ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                    schema.Component, schema.Migrations.Count);
            }

            session.Execute("COMMIT");
        }
        catch
        {
            // Errors such as a full disk have ended the transaction already.
            if (SQLitePCL.raw.sqlite3_get_autocommit(session.Connection.Handle) == 0) session.Execute("ROLLBACK");
            throw;
        }
    }

    private static void Run(SqliteSession session, SqliteSchema schema, int version, string path)
    {
        try
        {
            session.ExecuteScript(schema.Migrations[version]);
        }
        catch (SqliteException exception) when (!SqliteErrors.IsOfTheFile(exception))
        {
            throw new OrleansConfigurationException(
                $"Migration {version + 1} of the '{schema.Component}' tables failed in database '{path}': {exception.Message} The tables were left as they were.", exception);
        }
    }

    private static void Db(SqliteSession session, int option, int value)
    {
        var code = SQLitePCL.raw.sqlite3_db_config(session.Connection.Handle, option, value, out _);
        if (code != SQLitePCL.raw.SQLITE_OK) throw new SqliteException("sqlite3_db_config failed.", code);
    }

    private static void Check(SqliteSession session, IReadOnlyList<SqliteSchema> schemas, string path)
    {
        if (session.Scalar("PRAGMA quick_check(1)") is string problem and not "ok")
            throw new SqliteException($"quick_check: {problem}", SQLitePCL.raw.SQLITE_CORRUPT);
        foreach (var schema in schemas)
        {
            var version = VersionOf(session, schema.Component);
            if (version > schema.Migrations.Count)
            {
                throw new OrleansConfigurationException(
                    $"Database '{path}' was written by a newer release: its '{schema.Component}' tables have version {version}, this release knows {schema.Migrations.Count}. Start the newer release, or restore a backup.");
            }
        }
    }

    private static int VersionOf(SqliteSession session, string component) =>
        (int)((long?)session.Scalar("SELECT version FROM schema_version WHERE component = ?1", component) ?? 0);
}

/// <summary>The silo's own tables.</summary>
internal static class SiloSchema
{
    public static readonly SqliteSchema Schema = new("silo",
    [
        """
        CREATE TABLE grain_state (
            state_name TEXT NOT NULL,
            grain_key TEXT NOT NULL,
            etag INTEGER NOT NULL,
            json BLOB NOT NULL,
            PRIMARY KEY (state_name, grain_key)
        ) STRICT;
        CREATE TABLE reminder (
            grain_id TEXT NOT NULL,
            name TEXT NOT NULL,
            start_at INTEGER NOT NULL, -- UTC, in ticks of 100 ns
            period INTEGER NOT NULL, -- in ticks of 100 ns
            PRIMARY KEY (grain_id, name)
        ) STRICT, WITHOUT ROWID;
        """,
    ]);
}
