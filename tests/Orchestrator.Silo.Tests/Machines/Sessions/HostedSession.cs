using System.Reflection;
using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

/// <summary>A session folder with a real session host on it, without terminal and service.</summary>
internal sealed class HostedSession : IDisposable
{
    private ChildProcess? _host;

    /// <summary>The host as the service ships it.</summary>
    public static string HostPath { get; } =
        typeof(HostedSession).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "SessionHost").Value!;

    public ScratchFolder Scratch { get; } = new();

    public string Folder => Scratch.At("session");

    public string Worktree => Scratch.At("worktree");

    public ProcessTree Tree => new(Folder);

    public HostedSession()
    {
        DurableFile.CreateFolder(Path.Combine(Folder, SessionFiles.Inbox));
        DurableFile.CreateFolder(Worktree);
    }

    /// <summary>Writes launch and prompt. The agent is <c>sh -c script</c>.</summary>
    public HostedSession Launch(string script, string prompt = "prompt", SessionInput input = SessionInput.Text, Func<SessionLaunch, SessionLaunch>? change = null)
    {
        var launch = new SessionLaunch
        {
            TaskId = "task-1",
            Run = 1,
            Attempt = 1,
            Arguments = ["bash", "-c", script],
            WorkingDirectory = Worktree,
            Input = input,
            SetupScript = ".orchestrator/setup",
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/local/bin:/usr/bin:/bin", [ProcessTree.MarkerName] = Folder },
        };
        DurableFile.Write(At(SessionFiles.Launch), JsonSerializer.SerializeToUtf8Bytes(change?.Invoke(launch) ?? launch, SessionJsonContext.Default.SessionLaunch));
        DurableFile.Write(At(SessionFiles.Prompt), Encoding.UTF8.GetBytes(prompt));
        return this;
    }

    public HostedSession Setup(string script, bool isExecutable = true)
    {
        DurableFile.CreateFolder(Path.Combine(Worktree, ".orchestrator"));
        var path = Path.Combine(Worktree, ".orchestrator", "setup");
        File.WriteAllText(path, $"#!/bin/sh\n{script}\n");
        if (isExecutable) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return this;
    }

    public ChildProcess Start()
    {
        var environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["DOTNET_ROOT"] = DotnetRoot };
        return _host = ChildProcess.Start(new ChildProcessStart { Arguments = [HostPath, Folder], Environment = environment, WorkingDirectory = Scratch.Root });
    }

    public async Task<SessionExit> RunAsync()
    {
        var host = Start();
        var exit = await host.WaitForExitAsync().Within("the session host's end", TimeSpan.FromSeconds(120));
        Assert.Equal(new ChildExit(0, null), exit);
        Assert.False(FileLock.IsHeld(At(SessionFiles.Lock)));
        Assert.Empty(Tree.FindAlive());
        return Exit;
    }

    public SessionExit Exit => JsonSerializer.Deserialize(File.ReadAllBytes(At(SessionFiles.Exit)), SessionJsonContext.Default.SessionExit)!;

    public IReadOnlyList<SessionEvent> Events =>
        [.. File.ReadLines(At(SessionFiles.Events)).Select(line => JsonSerializer.Deserialize(line, SessionJsonContext.Default.SessionEvent)!)];

    public string Transcript => File.ReadAllText(At(SessionFiles.Transcript));

    public string At(string file) => Path.Combine(Folder, file);

    public void Stop(int graceSeconds = 1) => DurableFile.Write(
        At(SessionFiles.Stop), JsonSerializer.SerializeToUtf8Bytes(new SessionStop { Reason = "test", GraceSeconds = graceSeconds }, SessionJsonContext.Default.SessionStop));

    /// <summary>Waits for a line of output.</summary>
    public Task Printed(string text) => Until(() => File.Exists(At(SessionFiles.Events)) && File.ReadAllText(At(SessionFiles.Events)).Contains(text, StringComparison.Ordinal), $"the line '{text}'");

    public static async Task Until(Func<bool> condition, string what, int seconds = 60)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var startedAt = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(startedAt) > TimeSpan.FromSeconds(seconds)) throw new TimeoutException($"After {seconds} s: {what}.");
            await timer.WaitForNextTickAsync();
        }
    }

    public static string DotnetRoot { get; } = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    public void Dispose()
    {
        _host?.Identity.Send(Signals.Kill);
        Tree.KillAll();
        _host?.Dispose();
        Scratch.Dispose();
    }
}
