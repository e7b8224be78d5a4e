using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orchestrator.EmbeddedSilo.Reminders;
using Orleans.Hosting;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>State and reminders on SQLite.</summary>
public static class SqliteSiloBuilderExtensions
{
    /// <summary>Names the silo's database.</summary>
    public static ISiloBuilder UseSqlite(this ISiloBuilder builder, Action<SqliteOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Configure(configure);
        builder.Services.TryAddSingleton<SqliteDatabase>();
        return builder;
    }

    /// <summary>Adds a storage for grain state, in the database that <see cref="UseSqlite"/> names.</summary>
    public static ISiloBuilder AddSqliteGrainStorage(this ISiloBuilder builder, string name)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddKeyedSingleton<IGrainStorage, SqliteGrainStorage>(name);
        return builder;
    }

    /// <summary>Adds reminders that survive the process, in the database that <see cref="UseSqlite"/> names.</summary>
    public static ISiloBuilder UseSqliteReminderService(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IReminderStore, SqliteReminderStore>().AddSingleton<ReminderService>();
        return builder;
    }
}
