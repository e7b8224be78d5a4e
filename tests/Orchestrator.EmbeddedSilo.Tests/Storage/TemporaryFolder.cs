using System.Security.Cryptography;
using Microsoft.Data.Sqlite;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>A folder of one test, deleted after it.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Directory.CreateDirectory(Path);

    public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"orchestrator-silo-{Guid.NewGuid():N}");

    public string Database => File("silo.db");

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>What is in a file, as a short text that two files share only when they are equal; "none" when there is no file.</summary>
    public static string Hash(string path) => System.IO.File.Exists(path) ? Convert.ToHexString(SHA256.HashData(System.IO.File.ReadAllBytes(path))) : "none";

    /// <summary>Runs SQL on a connection of its own, which is closed again.</summary>
    public static object? Sql(string path, string sql)
    {
        using var connection = Connect(path);
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Tests write their SQL themselves.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }

    public static SqliteConnection Connect(string path, SqliteOpenMode mode = SqliteOpenMode.ReadWriteCreate)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, Mode = mode }.ToString());
        connection.Open();
        return connection;
    }

    public void Dispose()
    {
        if (!OperatingSystem.IsWindows()) System.IO.File.SetUnixFileMode(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.Delete(Path, recursive: true);
    }
}
