using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Machines.Terminals;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>Fills a session's folder with all that its host needs. The agent's secrets are in <see cref="SessionFiles.Launch"/> (0600) and nowhere else.</summary>
internal sealed class SessionPreparation(TerminalSockets sockets, IOptions<SessionOptions> options)
{
    /// <summary>The repository's own script, run before its first agent starts.</summary>
    public const string SetupScript = ".orchestrator/setup";

    public void Prepare(SessionFolder folder, SessionRequest request, TaskRequest task, AgentLaunch agent)
    {
        folder.Create();
        folder.Write(SessionFiles.Prompt, Encoding.UTF8.GetBytes(request.FollowUp ?? task.Prompt));
        folder.Write(SessionFolder.Context, TaskContext.Write(request.RequestJson));
        folder.Write(SessionFiles.Launch, JsonSerializer.SerializeToUtf8Bytes(LaunchOf(folder, request, agent), SessionJsonContext.Default.SessionLaunch));
        folder.EndExpectation();
    }

    private SessionLaunch LaunchOf(SessionFolder folder, SessionRequest request, AgentLaunch agent) => new()
    {
        TaskId = request.Session.TaskId,
        Run = request.Session.Run,
        Attempt = request.Session.Attempt,
        Arguments = agent.Arguments,
        WorkingDirectory = request.Worktree.Path,
        Environment = EnvironmentOf(folder, request, agent),
        Input = agent.Input,
        // A conversation that is resumed goes on in a worktree that was set up for it.
        SetupScript = request.IsResume ? null : SetupScript,
        SetupTimeoutSeconds = options.Value.SetupTimeoutSeconds,
        OutputBytesMax = options.Value.OutputBytesMax,
    };

    private Dictionary<string, string> EnvironmentOf(SessionFolder folder, SessionRequest request, AgentLaunch agent)
    {
        var environment = FactsOf(folder, request, agent);
        // Where Claude Code puts the sockets by which sessions of one user talk to each other.
        if (sockets.AgentFolderOf(request.Session.TaskId) is not { } own || !environment.TryAdd("CLAUDE_CODE_TMPDIR", own)) return environment;
        DurableFile.CreateFolder(own);
        return environment;
    }

    private static Dictionary<string, string> FactsOf(SessionFolder folder, SessionRequest request, AgentLaunch agent) => new(agent.Environment, StringComparer.Ordinal)
    {
        ["TASK_ID"] = request.Session.TaskId,
        ["TASK_ATTEMPT"] = request.Session.Attempt.ToString(),
        ["TASK_BRANCH"] = request.Worktree.Branch,
        ["TASK_BASE_BRANCH"] = request.Worktree.BaseBranch,
        ["TASK_REPOSITORY"] = request.Worktree.Repository,
        ["TASK_CONTEXT"] = folder.PathOf(SessionFolder.Context),
        ["ORCHESTRATOR_TASK"] = "1",
        [ProcessTree.MarkerName] = folder.Path,
    };
}
