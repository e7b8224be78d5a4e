using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Silo.Configuration;

/// <summary>
/// Keeps a second service away from the home: an exclusive lock on a file (<c>flock</c>), which the system lets go of when this process ends, however it ends.
/// </summary>
internal sealed class HomeLock : IDisposable
{
    private const UnixFileMode OnlyOurs = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly OrchestratorHome _home;
    private readonly FileStream _file;

    private HomeLock(OrchestratorHome home, FileStream file) => (_home, _file) = (home, file);

    /// <summary>Makes the home (0700) and takes its lock.</summary>
    /// <exception cref="StartException">Another service has it, or the folder cannot be used.</exception>
    public static HomeLock Take(OrchestratorHome home)
    {
        try
        {
            MakePrivateFolder(home.Root);
            var file = OpenPrivate(home.LockPath, FileShare.None);
            MakeDatabasePrivate(home.DatabasePath);
            return new(home, file);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StartException($"ORCHESTRATOR_HOME '{home.Root}' cannot be used: {exception.Message} Give this user the right to write it, or name another folder.", exception);
        }
        catch (IOException exception) when (IsHeld(home.LockPath))
        {
            throw new StartException(DescribeHolder(home), exception);
        }
        catch (IOException exception)
        {
            throw new StartException($"ORCHESTRATOR_HOME '{home.Root}' cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>Writes who has the home, for a second service and for scripts.</summary>
    /// <returns>Whether it could be written: a full disk must not keep a service from taking up its agents.</returns>
    public bool Announce(ServiceRecord service)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(service, ServiceJsonContext.Default.ServiceRecord);
        var temporary = _home.ServicePath + ".tmp";
        try
        {
            // Written whole or not at all: another process may read it at any time.
            File.WriteAllBytes(temporary, content);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(temporary, OnlyOurs);
            File.Move(temporary, _home.ServicePath, overwrite: true);
            return true;
        }
        catch (IOException)
        {
            File.Delete(temporary);
            return TryOverwrite(content);
        }
    }

    /// <summary>A killed predecessor's file has room for ours. Whoever reads half of it finds nobody, and reads again.</summary>
    private bool TryOverwrite(byte[] content)
    {
        try
        {
            using var file = new FileStream(_home.ServicePath, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 });
            file.Write(content);
            file.SetLength(content.Length);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Lets go of the home. The lock's file stays: removing it would let a third process lock another file of the same name.</summary>
    public void Dispose()
    {
        try
        {
            File.Delete(_home.ServicePath);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Whoever reads it later finds that nobody holds the lock.
        }

        _file.Dispose();
    }

    /// <summary>Who has the home; null when it is not known.</summary>
    public static ServiceRecord? ReadHolder(OrchestratorHome home)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(home.ServicePath), ServiceJsonContext.Default.ServiceRecord);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static string DescribeHolder(OrchestratorHome home) => ReadHolder(home) is { } holder
        ? $"Another service (pid {holder.Pid}, {(holder.Port is { } port ? $"port {port}, {holder.Url}" : "still starting")}) runs on ORCHESTRATOR_HOME '{home.Root}'. Stop it first, or give this one a home of its own."
        : $"Another service runs on ORCHESTRATOR_HOME '{home.Root}' (its lock is held). Stop it first, or give this one a home of its own.";

    /// <summary>Opening a locked file fails as other faults do (.NET has no code for it), so this asks the file itself.</summary>
    private static bool IsHeld(string path)
    {
        if (!File.Exists(path)) return false;
        try
        {
            // A shared look does not take the lock, and is refused while somebody has it.
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static void MakePrivateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        const UnixFileMode onlyUs = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(path, onlyUs);
        File.SetUnixFileMode(path, onlyUs);
    }

    /// <summary>SQLite gives its write-ahead log the mode of the database, so the file is there before SQLite opens it.</summary>
    private static void MakeDatabasePrivate(string path)
    {
        if (OperatingSystem.IsWindows() || Directory.Exists(path)) return;
        OpenPrivate(path, FileShare.ReadWrite).Dispose();
        File.SetUnixFileMode(path, OnlyOurs);
    }

    /// <summary>Opens a file, and makes it for this user alone when it is not there.</summary>
    private static FileStream OpenPrivate(string path, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OnlyOurs;
        return new(path, options);
    }
}

/// <summary>The service that has a home.</summary>
/// <param name="Pid">Its process id.</param>
/// <param name="Port">The port that it listens at; left out while it starts and takes any free one.</param>
/// <param name="Url">Where this machine reaches it; left out as the port is.</param>
/// <param name="StartedAt">UTC.</param>
internal sealed record ServiceRecord(int Pid, int? Port, string? Url, DateTimeOffset StartedAt);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ServiceRecord))]
internal sealed partial class ServiceJsonContext : JsonSerializerContext;
