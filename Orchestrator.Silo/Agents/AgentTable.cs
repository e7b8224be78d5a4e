using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents.Output;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Agents;

/// <summary>The agents table of this machine. Safe to be used by many at once.</summary>
internal sealed class AgentTable : IAgentTable, IAgentAccounts
{
    /// <summary>How long an answer about what is installed is kept.</summary>
    private static readonly TimeSpan AvailabilityAge = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, (AgentRow Agent, WorkerTypeRow WorkerType)> _workerTypes;
    private readonly MachineOptions _options;
    private readonly ServiceEnvironment _service;
    private readonly TimeProvider _clock;
    private Availability? _availability;

    public AgentTable(IOptions<MachineOptions> options, ServiceEnvironment service, TimeProvider clock)
        : this(BuiltInAgents.Rows(options.Value), options.Value, service, clock)
    {
    }

    internal AgentTable(IReadOnlyList<AgentRow> rows, MachineOptions options, ServiceEnvironment service, TimeProvider clock)
    {
        (_options, _service, _clock) = (options, service, clock);
        _workerTypes = rows.SelectMany(row => row.WorkerTypes, (row, workerType) => (row, workerType)).ToDictionary(pair => pair.workerType.Name, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> WorkerTypes
    {
        get
        {
            var known = Volatile.Read(ref _availability);
            if (known is null || _clock.GetElapsedTime(known.At) >= AvailabilityAge)
            {
                known = new(_clock.GetTimestamp(), [.. _workerTypes.Keys.Where(name => WhyNot(name, out _) is null).Order(StringComparer.Ordinal)]);
                Volatile.Write(ref _availability, known);
            }

            return known.WorkerTypes;
        }
    }

    /// <inheritdoc/>
    public string AccountOf(string workerType) => _workerTypes.TryGetValue(workerType, out var rows) ? rows.WorkerType.Account ?? rows.Agent.Name : workerType;

    /// <inheritdoc/>
    public AgentLaunch CreateLaunch(SessionRequest session, TaskRequest request)
    {
        if (WhyNot(request.WorkerType, out var program) is { } reason) throw new AgentNotAvailableException(reason);
        var (agent, workerType) = _workerTypes[request.WorkerType];
        return new(
            agent.Name,
            [program, .. AgentArguments.Build(agent, workerType, session)],
            AgentEnvironment.Build(agent, workerType, session, request, _options, _service),
            agent.Input,
            agent.CanResume);
    }

    /// <inheritdoc/>
    public AgentReport ReadReport(string workerType, string sessionFolder, string? worktreePath)
    {
        // A row that is gone since (an older release, a changed configuration) is read as text: its exit code still counts.
        var agent = _workerTypes.TryGetValue(workerType, out var rows) ? rows.Agent : null;
        var limits = agent?.UsageLimits ?? UsageLimitRule.None;
        IAgentOutputReader reader = agent?.Output == AgentOutput.StreamJson ? new StreamJsonOutput(limits) : new TextOutput(limits);
        foreach (var each in SessionEventLines.Read(sessionFolder)) reader.Add(each);
        var said = reader.End();
        var (text, block) = ResultBlock.Split(said.LastWords);
        return said.Report with
        {
            Summary = Summaries.Make(text, said.SummaryCharsMax, said.SummaryIsTail),
            ReportedJson = ReportedResult.Merge(block, worktreePath is null ? null : ResultFile.Read(worktreePath)),
        };
    }

    /// <inheritdoc/>
    public IUsageWatch? WatchUsage(string workerType, string sessionFolder) =>
        _workerTypes.TryGetValue(workerType, out var rows) && rows.Agent.Output == AgentOutput.StreamJson ? new UsageWatch(Path.Combine(sessionFolder, SessionFiles.Events)) : null;

    private string? WhyNot(string name, out string program)
    {
        program = "";
        if (!_workerTypes.TryGetValue(name, out var rows)) return $"The worker type '{name}' is unknown. Known ones: {string.Join(", ", _workerTypes.Keys.Order(StringComparer.Ordinal))}.";
        if (rows.WorkerType.EnvironmentFrom.Values.FirstOrDefault(source => _service[source] is null) is { } missing)
            return $"The worker type '{name}' needs {missing} in the service's environment. Set it and start the service again.";
        if (ProgramLookup.Find(rows.Agent.Program, _service["PATH"]) is not { } found)
            return $"The program of the worker type '{name}', {rows.Agent.Program}, is not there or cannot be executed. Install it, or name it by {Setting(rows.Agent)}.";
        program = found;
        return null;
    }

    private static string Setting(AgentRow agent) => agent.Name == "script" ? "SCRIPT_AGENT" : $"{agent.Name.ToUpperInvariant()}_COMMAND";

    private sealed record Availability(long At, IReadOnlyList<string> WorkerTypes);
}
