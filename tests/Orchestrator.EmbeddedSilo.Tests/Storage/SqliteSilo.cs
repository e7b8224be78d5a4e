using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.EmbeddedSilo.Startup;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>A silo of this assembly's grains whose state and reminders are in an SQLite file.</summary>
internal sealed class SqliteSilo : IAsyncDisposable
{
    private readonly IHost _host;
    private bool _isStopped;

    private SqliteSilo(IHost host) => _host = host;

    public IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    public SqliteDatabase Database => _host.Services.GetRequiredService<SqliteDatabase>();

    public static async Task<SqliteSilo> StartAsync(
        string path, Action<SqliteOptions>? configure = null, TimeProvider? clock = null, Action<ISiloBuilder>? configureSilo = null, GrainRegistry? registry = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddSingleton(clock ?? TimeProvider.System);
        builder.Services.AddSingleton(registry ?? GrainAssemblies.Register([typeof(SqliteSilo).Assembly]));
        builder.UseOrleans(silo =>
        {
            silo.AddSqliteGrainStorage("Default").UseSqliteReminderService().UseSqlite(options =>
            {
                options.Path = path;
                configure?.Invoke(options);
            });
            configureSilo?.Invoke(silo);
        });
        var host = builder.Build();
        try
        {
            await host.StartAsync().Within($"a silo on '{path}' starts or refuses to");
        }
        catch
        {
            host.Dispose();
            throw;
        }

        return new(host);
    }

    /// <summary>The message with which a silo on that file refuses to start.</summary>
    public static async Task<string> RefusalAsync(string path, Action<SqliteOptions>? configure = null) => (await Assert.ThrowsAsync<OrleansConfigurationException>(async () =>
    {
        await using var silo = await StartAsync(path, configure);
    })).Message;

    public INoteGrain Note(string key) => Grains.GetGrain<INoteGrain>(key);

    public async Task StopAsync()
    {
        _isStopped = true;
        await _host.StopAsync().Within("the silo stops");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isStopped) await StopAsync();
        _host.Dispose();
    }
}
