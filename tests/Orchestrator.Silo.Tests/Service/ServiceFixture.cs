using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>One service for the tests of a class, with an agent that runs its prompt; tasks whose id begins with <c>prompt-</c> only say what they got.</summary>
public sealed class ServiceFixture : IAsyncLifetime
{
    public const string InternalToken = "internal-token-of-the-service";

    private const string Agent =
        """
        case $TASK_ID in
          prompt-*)
            sha256sum | cut -d' ' -f1 >"$PLACE/$TASK_ID.sha256"
            exit 0 ;;
        esac
        """;

    public ServiceBed Bed { get; private set; } = null!;

    public async Task InitializeAsync() => Bed = await ServiceBed.StartAsync(
        BuiltService.Program,
        Agent + "\n" + ScriptAgent.RunsPrompt,
        new Dictionary<string, string> { ["WORKER_CAPACITY"] = "4", ["INTERNAL_AUTH_TOKEN"] = InternalToken, ["TASK_ENV_ALLOW"] = "GREETING" });

    public async Task DisposeAsync() => await Bed.DisposeAsync();
}
