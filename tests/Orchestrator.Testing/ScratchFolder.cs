using System.Diagnostics;

namespace Orchestrator.Testing;

/// <summary>A folder of one test, deleted after it, read-only folders in it included.</summary>
public sealed class ScratchFolder : IDisposable
{
    public ScratchFolder() => Directory.CreateDirectory(Root);

    public string Root { get; } = Path.Combine(Path.GetTempPath(), $"orchestrator-test-{Guid.NewGuid():N}");

    public string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Writes a program of its own; <c>#!/bin/sh</c> stands before the lines.</summary>
    public string Script(string name, string lines)
    {
        var path = At(name);
        // By another process: a file that this one has open for writing is inherited by whatever program another test starts at that moment, and cannot be run until that one is itself run.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "cat >\"$0\" && chmod 700 \"$0\"", path]) { RedirectStandardInput = true };
        using var writer = Process.Start(start)!;
        writer.StandardInput.Write($"#!/bin/sh\n{lines}\n");
        writer.StandardInput.Close();
        writer.WaitForExit();
        return writer.ExitCode == 0 ? path : throw new IOException($"{path} could not be written.");
    }

    /// <summary>Sets a file's mode; nothing on Windows, where these tests do not run.</summary>
    public static void SetMode(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
    }

    public void Dispose()
    {
        foreach (var folder in Directory.EnumerateDirectories(Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }))
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.Delete(Root, recursive: true);
    }
}
