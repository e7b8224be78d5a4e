using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>An agents table whose programs are there, and a service's environment to be filled by name.</summary>
internal sealed class LaunchBench : IDisposable
{
    private readonly Dictionary<string, string> _service = new(StringComparer.Ordinal) { ["ZAI_API_KEY"] = "zai-key" };

    public LaunchBench()
    {
        Folder = Directory.CreateTempSubdirectory("orchestrator-launch-").FullName;
        Program = Path.Combine(Folder, "agent");
        Install();
        this["PATH"] = Folder;
        (Options.ClaudeCommand, Options.ScriptAgent) = ("agent", Program);
    }

    public string Folder { get; }

    public string Program { get; }

    public ManualClock Clock { get; } = new();

    public MachineOptions Options { get; } = new();

    public string this[string name]
    {
        get => _service[name];
        set => _service[name] = value;
    }

    public static SessionRequest Session() => new(
        new("t1", 1, 2), "{}", new("acme/web", "/w", "task/t1", "main", new string('0', 40)), "0f8fad5b-d9cb-469f-a165-70867728950e", false, null, null, null);

    public static TaskRequest Request(string workerType) => AgentBench.Request(workerType);

    public void Install(UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserExecute)
    {
        File.WriteAllText(Program, "#!/bin/sh\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(Program, mode);
    }

    public void Remove(string name) => _service.Remove(name);

    public AgentTable Table() => new(BuiltInAgents.Rows(Options), Options, new(_service), Clock);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
