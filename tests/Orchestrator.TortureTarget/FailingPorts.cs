using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Reminders;
using Orchestrator.Grains;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Grains.Machines;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Git;
using Orleans.Storage;

namespace Orchestrator.TortureTarget;

/// <summary>Puts fail points around every port of the service.</summary>
internal static class FailingPorts
{
    public static void AddTo(IServiceCollection services, FailPoints points)
    {
        var host = typeof(FailingPorts).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "SessionHost").Value!;
        var settings = (OrchestratorSettings)services.Last(service => service.ServiceType == typeof(OrchestratorSettings)).ImplementationInstance!;
        settings.Machine.SessionHostPath = Environment.GetEnvironmentVariable("TORTURE_SESSION_HOST") is { Length: > 0 } other ? other : host;
        Decorate<INonces>(services, points, (method, _) => method == nameof(INonces.SpendAsync) ? "nonce.spend" : null);
        Decorate<IAgentTaskCatalog>(services, points, (method, _) => method switch
        {
            nameof(IAgentTaskCatalog.AddAsync) => "accept.row",
            nameof(IAgentTaskCatalog.UpdateAsync) => "row.update",
            nameof(IAgentTaskCatalog.RemoveAsync) => "row.remove",
            _ => null,
        });
        Decorate<IReminderStore>(services, points, (method, arguments) => method switch
        {
            nameof(IReminderStore.UpsertAsync) => ((ReminderEntry)arguments[0]!).Name == "callback" ? "callback.reminder" : "accept.reminder",
            nameof(IReminderStore.RemoveAsync) => "reminder.remove",
            _ => null,
        });
        Decorate<IWorktrees>(services, points, (method, _) => method switch
        {
            nameof(IWorktrees.PrepareAsync) => "worktree.prepare",
            nameof(IWorktrees.UnlockAsync) => "worktree.unlock",
            nameof(IWorktrees.CollectAsync) => "work.collect",
            nameof(IWorktrees.KeepAsync) => "worktree.keep",
            nameof(IWorktrees.RemoveAsync) => "worktree.remove",
            nameof(IWorktrees.FindAsync) => "worktree.find",
            _ => null,
        });
        Decorate<ISessions>(services, points, (method, _) => method switch
        {
            nameof(ISessions.OpenAsync) => "session.open",
            nameof(ISessions.CloseAsync) => "session.close",
            nameof(ISessions.StartAsync) => "session.start",
            nameof(ISessions.WaitForEndAsync) => "session.watch",
            nameof(ISessions.StopAsync) => "session.stop",
            _ => null,
        });
        Decorate<ICallbackTransport>(services, points, (method, _) => method == nameof(ICallbackTransport.BeginTry) ? "callback.try" : null);
        var storage = services.Last(service => service.ServiceType == typeof(IGrainStorage) && service.ServiceKey is GrainStorageNames.Orchestrator);
        services.AddKeyedSingleton<IGrainStorage>(
            GrainStorageNames.Orchestrator, (provider, _) => new FailingStorage((IGrainStorage)ActivatorUtilities.CreateInstance(provider, storage.KeyedImplementationType!), points));
        if (FailingGit.Write(points) is { } git) services.Configure<GitOptions>(options => options.Program = git);
    }

    private static void Decorate<T>(IServiceCollection services, FailPoints points, Func<string, object?[], string?> nameOf)
        where T : class
    {
        var real = services.Last(service => service.ServiceType == typeof(T) && service.ServiceKey is null);
        services.AddSingleton(provider =>
        {
            var inner = real.ImplementationFactory is { } factory ? factory(provider) : ActivatorUtilities.CreateInstance(provider, real.ImplementationType!);
            return FailingPort.Around((T)inner, nameOf, points.Pass);
        });
    }
}
