using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.AgentTasks;
using Orchestrator.Silo.Callbacks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Http;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Silo.Machines.Sessions;
using Orchestrator.Silo.Machines.Terminals;
using Orleans.Runtime;

namespace Orchestrator.Silo.Hosting;

/// <summary>The whole service: configured, its home locked, ready to be started. Tests put parts of their own into it.</summary>
internal sealed partial class OrchestratorApplication : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly HomeLock _home;

    // The host writes the stack of an exception that stops its start, which Program explains in one line.
    private readonly StrongBox<bool> _hasStarted;

    private OrchestratorApplication(WebApplication web, OrchestratorSettings settings, HomeLock home, StrongBox<bool> hasStarted) =>
        (Web, Settings, _home, _hasStarted) = (web, settings, home, hasStarted);

    /// <summary>The whole service; once the start has found its database damaged, what is served instead.</summary>
    public WebApplication Web { get; private set; }

    public OrchestratorSettings Settings { get; }

    /// <summary>Where this machine reaches the service, once it is started.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1/");

    /// <param name="args">The command line: <c>--NAME value</c>.</param>
    /// <param name="overrides">Replaces services; the last registration counts.</param>
    /// <exception cref="StartException">The configuration is wrong, or another service has the home.</exception>
    public static OrchestratorApplication Create(string[] args, Action<IServiceCollection>? overrides = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        var settings = SettingsReader.Read(builder.Configuration);
        var home = HomeLock.Take(settings.Home);
        try
        {
            var hasStarted = new StrongBox<bool>();
            builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && Volatile.Read(ref hasStarted.Value));
            builder.Logging.SetMinimumLevel(settings.Server.LogLevel);
            builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
            builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => KestrelLimits.Apply(kestrel, settings.Server));
            builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = StopTimeout);
            settings.AddTo(builder.Services);
            builder.Services.AddHttpSurface().AddHealth().AddAgents().AddGit().AddSessions().AddCallbacks().AddCleanup().AddSingleton<StartupRecovery>();
            builder.AddSilo(settings.Home);
            overrides?.Invoke(builder.Services);
            var web = builder.Build();
            MapRoutes(web);
            EndpointChecks.Check(web);
            CheckHome(web);
            return new(web, settings, home, hasStarted);
        }
        catch
        {
            home.Dispose();
            throw;
        }
    }

    /// <summary>Starts everything; when it returns, requests are answered.</summary>
    /// <exception cref="StartException">The port or address cannot be listened at, or the database cannot be used.</exception>
    public async Task StartAsync()
    {
        // A second service is told who has the home; where this one listens is known now only when the port is.
        Announce(Settings.Server.Port is 0 ? null : Settings.Server.Port);
        var isDamaged = false;
        try
        {
            await StartWebAsync();
        }
        catch (OrleansConfigurationException exception) when (SiloHosting.IsDatabaseDamaged(exception))
        {
            isDamaged = true;
            await ReplaceAsync(exception);
            await StartWebAsync();
        }

        Volatile.Write(ref _hasStarted.Value, true);
        var port = new Uri(Web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        Announce(port);
        if (isDamaged) LogReduced(Web.Services.GetRequiredService<ILogger<OrchestratorApplication>>(), Url.ToString().TrimEnd('/'), port, Settings.Home.Root);
        else LogStart(port);
    }

    private async Task StartWebAsync()
    {
        try
        {
            await Web.StartAsync();
        }
        catch (IOException exception) when (exception.InnerException is AddressInUseException)
        {
            await Web.StopAsync();
            throw new StartException(
                $"Port {Settings.Server.Port} at {Settings.Server.Bind} is in use. Stop what listens there ('lsof -i :{Settings.Server.Port}' names it), or set PORT to another one.", exception);
        }
        catch (SocketException exception)
        {
            await Web.StopAsync();
            throw new StartException(BindFaults.Explain(exception, Settings.Server), exception);
        }
        catch (OrleansConfigurationException exception) when (!SiloHosting.IsDatabaseDamaged(exception))
        {
            throw new StartException(exception.Message, exception);
        }
    }

    /// <summary>Serves the truth instead: agents of this home may live, and whoever asks for them must not be told that there is nobody.</summary>
    private async Task ReplaceAsync(OrleansConfigurationException exception)
    {
        LogDamaged(Web.Services.GetRequiredService<ILogger<OrchestratorApplication>>(), exception.Message);
        await Web.StopAsync();
        await Web.DisposeAsync();
        Web = DamagedService.Create(Settings);
    }

    /// <summary>Starts, and ends when the service is told to stop.</summary>
    public async Task RunAsync()
    {
        await StartAsync();
        await Web.WaitForShutdownAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Web.DisposeAsync();
        _home.Dispose();
    }

    /// <summary>A home whose path leaves no room for sockets would fail every task.</summary>
    private static void CheckHome(WebApplication web)
    {
        try
        {
            web.Services.GetRequiredService<TerminalSockets>();
        }
        catch (InvalidOperationException exception)
        {
            throw new StartException(exception.Message, exception);
        }
    }

    private static void MapRoutes(WebApplication web)
    {
        web.UseMiddleware<ProblemMiddleware>();
        web.UseRouting();
        web.UseMiddleware<AccessMiddleware>();
        web.MapAgentTasks();
        web.MapService();
        web.MapCleanup();
        web.MapOpenApi("/openapi.json").WithAccess(AccessPolicy.Open);
    }

    private void Announce(int? port)
    {
        if (port is { } known) Url = new UriBuilder("http", Settings.Server.Bind.ToString() is "0.0.0.0" or "::" ? "127.0.0.1" : Settings.Server.Bind.ToString(), known).Uri;
        if (!_home.Announce(new(Environment.ProcessId, port, port is null ? null : Url.ToString().TrimEnd('/'), TimeProvider.System.GetUtcNow())))
            LogNotAnnounced(Web.Services.GetRequiredService<ILogger<OrchestratorApplication>>(), Settings.Home.ServicePath);
    }

    private void LogStart(int port)
    {
        var log = Web.Services.GetRequiredService<ILogger<OrchestratorApplication>>();
        foreach (var name in Settings.Ignored) LogIgnored(log, name);
        if (Settings.Access.Mode != AccessMode.Open && TunnelSigns.Find() is { } sign) LogTunnelLikely(log, sign, Settings.Access.Mode.ToString().ToLowerInvariant());
        LogStarted(log, Url.ToString().TrimEnd('/'), port, Settings.Home.Root);
    }

    [LoggerMessage(130, LogLevel.Information, "Listening at {Url} (port {Port}); home {Home}.")]
    private static partial void LogStarted(ILogger logger, string url, int port, string home);

    [LoggerMessage(133, LogLevel.Critical, "{Fault} Until then only /health is answered, and 503 for everything else; agents that live are left alone. Restore a backup: scripts/restore.sh.")]
    private static partial void LogDamaged(ILogger logger, string fault);

    [LoggerMessage(135, LogLevel.Warning, "{Path} cannot be written: scripts will not find this service. It goes on.")]
    private static partial void LogNotAnnounced(ILogger logger, string path);

    [LoggerMessage(134, LogLevel.Warning, "Listening at {Url} (port {Port}) with a damaged database; home {Home}.")]
    private static partial void LogReduced(ILogger logger, string url, int port, string home);

    [LoggerMessage(131, LogLevel.Warning, "{Name} is set, but nothing reads it yet.")]
    private static partial void LogIgnored(ILogger logger, string name);

    [LoggerMessage(132, LogLevel.Warning, "A Cloudflare tunnel is likely on this machine ({Sign}). Dispatchers cancel through it without a signature; with ACCESS={Mode} that is refused (401) "
        + "and their agents go on. Set ACCESS=open when Cloudflare Access decides who comes in (the checked way, CF_ACCESS_TEAM_DOMAIN and CF_ACCESS_AUD, is not built yet).")]
    private static partial void LogTunnelLikely(ILogger logger, string sign, string mode);
}
