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
        File.WriteAllText(path, $"#!/bin/sh\n{lines}\n");
        SetMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
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
