using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Terminals;

/// <summary>
/// Where tmux listens for each task: <c>s/&lt;12 hex digits of the task id's SHA-256&gt;/</c>, a folder of its own, so that one server's end is no other's. Short, because a Unix
/// socket's path has at most 107 bytes on Linux and 103 on macOS (<c>sun_path</c>, unix(7)).
/// </summary>
internal sealed class TerminalSockets
{
    private const int PathBytesMax = 103;
    private static readonly string[] Names = ["tmux.sock", "tmu2.sock"];
    private readonly string _root;

    /// <exception cref="InvalidOperationException">The home's path is too long for sockets below it.</exception>
    public TerminalSockets(OrchestratorHome home)
    {
        _root = home.SocketsPath;
        var bytes = Encoding.UTF8.GetByteCount(PathsOf("any")[0]);
        if (bytes > PathBytesMax)
        {
            throw new InvalidOperationException(
                $"ORCHESTRATOR_HOME ({home.Root}) is too long: a socket below it would have a path of {bytes} bytes, and at most {PathBytesMax} are possible. Choose a shorter one.");
        }
    }

    /// <summary>The folder of a task's sockets.</summary>
    public string FolderOf(string taskId) => Path.Combine(_root, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(taskId)))[..12]);

    /// <summary>The socket to begin with, and the one for a second try.</summary>
    public IReadOnlyList<string> PathsOf(string taskId) => [.. Names.Select(name => Path.Combine(FolderOf(taskId), name))];

    /// <summary>The socket on which a server listens; null when none does.</summary>
    public string? FindAlive(string taskId) => PathsOf(taskId).FirstOrDefault(IsAlive);

    /// <summary>Whether somebody listens there.</summary>
    public static bool IsAlive(string path)
    {
        if (!File.Exists(path)) return false;
        // A server that hangs takes no connections in; once its queue is full, a blocking connect would wait for ever.
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode is SocketError.WouldBlock or SocketError.IOPending or SocketError.InProgress;
        }
    }

    /// <summary>Makes the folder, for its owner alone.</summary>
    public void Create(string taskId) => DurableFile.CreateFolder(FolderOf(taskId));

    /// <summary>Removes the folder with what is in it.</summary>
    public void Remove(string taskId)
    {
        var folder = FolderOf(taskId);
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A server that ends just now removes its socket, too; the folder is swept with the next session of the task.
        }
    }
}
