using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Sessions;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

/// <summary>A home with real tmux and session hosts; the agent is a bash script.</summary>
internal sealed class SessionMachine : IDisposable
{
    private readonly List<ServiceProvider> _services = [];

    public SessionMachine()
    {
        Directory.CreateDirectory(Worktree.Path);
        Sessions = Restart();
    }

    public ScratchFolder Scratch { get; } = new();

    public OrchestratorHome Home => new(Scratch.At("h"));

    public Worktree Worktree => new("owner/name", Scratch.At("worktree"), "task/t-1", "main", new string('a', 40));

    public ISessions Sessions { get; private set; }

    public Tmux Tmux => _services[^1].GetRequiredService<Tmux>();

    public SessionViews Views => _services[^1].GetRequiredService<SessionViews>();

    public SessionName Name { get; init; } = new("t-1", 1, 1);

    public SessionFolder Folder => new(Home, Name);

    public FakeAgents Agents { get; } = new();

    public string Socket => new TerminalSockets(Home).PathsOf(Name.TaskId)[0];

    /// <summary>A service that knows nothing of the former one.</summary>
    public ISessions Restart(Action<SessionOptions>? configure = null, Action<MachineOptions>? configureMachine = null)
    {
        Directory.CreateDirectory(Home.Root);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(Home);
        services.AddSingleton<IAgentTable>(Agents);
        services.AddSessions();
        services.Configure<MachineOptions>(options =>
        {
            options.SessionHostPath = HostedSession.HostPath;
            configureMachine?.Invoke(options);
        });
        services.Configure<SessionOptions>(options =>
        {
            options.LookInterval = TimeSpan.FromMilliseconds(20);
            options.CheckInterval = TimeSpan.FromMilliseconds(100);
            options.ViewInterval = TimeSpan.FromMilliseconds(100);
            options.StopGraceSeconds = 2;
            configure?.Invoke(options);
        });
        _services.Add(services.BuildServiceProvider());
        return Sessions = _services[^1].GetRequiredService<ISessions>();
    }

    public Task<SessionStart> StartAsync(string script, string prompt = "prompt", SessionInput input = SessionInput.Text)
    {
        Agents.Arguments = ["bash", "-c", script];
        Agents.Input = input;
        return Sessions.StartAsync(Request(prompt), CancellationToken.None).Within("the session's start", TimeSpan.FromSeconds(120));
    }

    public SessionRequest Request(string prompt)
    {
        var task = new TaskRequest
        {
            TaskId = Name.TaskId,
            WorkerType = "script",
            Prompt = prompt,
            WebhookUrl = "http://hook.invalid/",
            WebhookSecret = "webhook-secret",
            Slug = "slug-1",
            Environment = new Dictionary<string, string> { ["TASK_SECRET"] = "task-secret" },
        };
        return new(Name, JsonSerializer.Serialize(task, TaskRequestJsonContext.Default.TaskRequest), Worktree, "agent-session", false, null, null, null);
    }

    /// <summary>Told what happens while the end is waited for; null: nobody.</summary>
    public ISessionListener? Listener { get; set; }

    public Task<SessionEndedReport> WaitForEndAsync() =>
        Sessions.WaitForEndAsync(Name, "script", Worktree, Listener, CancellationToken.None).Within("the session's end", TimeSpan.FromSeconds(120));

    public ProcessIdentity Host
    {
        get
        {
            var started = Folder.ReadStarted()!;
            return new(started.HostPid, started.HostStartTime, started.BootId);
        }
    }

    public Task Printed(string text) => HostedSession.Until(
        () => Folder.Has(SessionFiles.Events) && File.ReadAllText(Folder.PathOf(SessionFiles.Events)).Contains(text, StringComparison.Ordinal), $"the line '{text}'");

    public string Made(string file) => File.ReadAllText(Path.Combine(Worktree.Path, file));

    public void Dispose()
    {
        foreach (var folder in Directory.Exists(Home.SessionsPath) ? Directory.GetDirectories(Home.SessionsPath, "*.*", SearchOption.AllDirectories) : [])
        {
            if (Folder.ReadStarted() is not null) Host.Send(Signals.Kill);
            new ProcessTree(folder).KillAll();
        }

        Tmux.EndAsync(Name.TaskId, CancellationToken.None).GetAwaiter().GetResult();
        foreach (var services in _services) services.Dispose();
        Scratch.Dispose();
    }

    /// <summary>One agent, as the test says.</summary>
    internal sealed class FakeAgents : IAgentTable
    {
        public IReadOnlyList<string> Arguments { get; set; } = ["true"];

        public SessionInput Input { get; set; } = SessionInput.Text;

        public bool IsMissing { get; set; }

        public IReadOnlyList<string> WorkerTypes => ["script"];

        public AgentLaunch CreateLaunch(SessionRequest session, TaskRequest request)
        {
            if (IsMissing) throw new AgentNotAvailableException("The agent is not installed.");
            var environment = new Dictionary<string, string> { ["PATH"] = "/usr/local/bin:/usr/bin:/bin", ["HOME"] = session.Worktree.Path, ["FROM_TABLE"] = "yes" };
            return new("fake", Arguments, environment, Input, CanResume: true);
        }

        public AgentReport ReadReport(string workerType, string sessionFolder, string? worktreePath) =>
            new() { HasOutput = File.ReadAllText(Path.Combine(sessionFolder, SessionFiles.Events)).Contains("\"out\""), HasResult = true, IsError = false };
    }
}
