using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using SessionOptions = Orchestrator.Silo.Machines.Sessions.SessionOptions;

namespace Orchestrator.Silo.Configuration;

/// <summary>All that is configured, by <see cref="SettingTable"/>.</summary>
internal sealed class OrchestratorSettings
{
    public OrchestratorHome Home { get; set; } = new(DefaultHome());

    public ServerOptions Server { get; } = new();

    public AccessOptions Access { get; } = new();

    public DispatchOptions Dispatch { get; } = new();

    public ShutdownOptions Shutdown { get; } = new();

    public AgentTaskOptions AgentTasks { get; } = new();

    public CapacityOptions Capacity { get; } = new();

    public MachineOptions Machine { get; } = new();

    public CleanupOptions Cleanup { get; } = new();

    public SessionOptions Sessions { get; } = new();

    public CallbackOptions Callbacks { get; } = new();

    public BackupOptions Backups { get; } = new();

    /// <summary>Settings that were given and are read by nothing yet.</summary>
    public IList<string> Ignored { get; } = [];

    /// <summary><c>~/.orchestrator</c>.</summary>
    public static string DefaultHome() => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".orchestrator");

    /// <summary>Hands each part to those who ask for it.</summary>
    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton(this).AddSingleton(Home);
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Server));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Access));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Dispatch));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Shutdown));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(AgentTasks));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Capacity));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Machine));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Cleanup));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Callbacks));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Backups));
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(Sessions));
    }
}
