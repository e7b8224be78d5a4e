namespace Orchestrator.Silo.Configuration;

/// <summary>Backups of the database.</summary>
internal sealed class BackupOptions
{
    /// <summary>From one backup to the next; zero: none are made. Default: 15 minutes (<c>BACKUP_MINUTES</c>).</summary>
    public TimeSpan Period { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How many of the newest are kept, 1 to 1000; beside them the last one of each of the last seven days. Default: 8 (<c>BACKUP_KEEP</c>).</summary>
    public int Keep { get; set; } = 8;
}
