using Orchestrator.Testing;
using Orchestrator.Testing.ModelApi;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>A service whose agent is the real Claude Code, and the fake model API that it talks to.</summary>
internal sealed class ClaudeCodeBed : IAsyncDisposable
{
    private ClaudeCodeBed(FakeModelApi api, ServiceBed service) => (Api, Service) = (api, service);

    public FakeModelApi Api { get; }

    public ServiceBed Service { get; }

    /// <summary>Null where Claude Code is not installed: then its facts are skipped.</summary>
    public static async Task<ClaudeCodeBed?> TryStartAsync(params IEnumerable<(string Name, string Value)> settings)
    {
        if (ClaudeCode.WhyMissing is not null) return null;
        var api = await FakeModelApi.StartAsync();
        var all = new Dictionary<string, string>
        {
            ["CLAUDE_COMMAND"] = ClaudeCode.ProgramPath,
            ["AGENT_ENV"] = "ANTHROPIC_API_KEY,ANTHROPIC_BASE_URL,CLAUDE_CODE_MAX_RETRIES",
            ["ANTHROPIC_API_KEY"] = api.ApiKey,
            ["ANTHROPIC_BASE_URL"] = api.BaseUrl,
            ["CLAUDE_CODE_MAX_RETRIES"] = "1",
            // These tests' machine is the sandbox: without it the agent refuses to work as root.
            ["IS_SANDBOX"] = "1",
        };
        foreach (var (name, value) in settings) all[name] = value;
        return new(api, await ServiceBed.StartAsync(BuiltService.Program, settings: all));
    }

    public async ValueTask DisposeAsync()
    {
        await Service.DisposeAsync();
        await Api.DisposeAsync();
    }
}
