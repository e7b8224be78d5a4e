using System.Globalization;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orleans.Runtime;

namespace Orchestrator.Silo.Storage;

/// <summary>
/// Copies the database into <c>backups/</c> now and then, while all goes on: beside, read again (<c>quick_check</c>), flushed, renamed. A copy that is not whole is what tells of damage of the database
/// that nobody has met yet; then nothing is made and nothing removed any more.
/// </summary>
internal sealed partial class DatabaseBackups(
    SqliteDatabase database, OrchestratorHome home, DiskRoom disk, IOptions<BackupOptions> options, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<DatabaseBackups> log)
    : BackgroundService, IHealthNotes
{
    private const string CheckName = "backup";
    private const string Making = ".making-";
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromHours(1);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(20);

    private volatile HealthCheckView _note = new(CheckName, true, "none yet");

    public IReadOnlyList<HealthCheckView> Notes => [_note];

    /// <summary>Tasks run without backups.</summary>
    public bool IsSound => true;

    /// <summary>Makes one now, and removes those that are not to be kept.</summary>
    /// <returns>Its path; null when there is none, for the reason that <see cref="Notes"/> tells.</returns>
    public string? MakeOne()
    {
        try
        {
            if (database.Damage is not null) return Fail("the database is damaged: the backups stay as they are");
            var size = new FileInfo(home.DatabasePath).Length;
            if (disk.Look() && disk.FreeBytes - size < DiskRoom.FreeBytesMin) return Fail($"{disk.FreeBytes >> 20} MiB are free, which is too little for a copy of {size >> 20} MiB");
            if (!disk.IsThere) return Fail($"the disk is full: {disk.FreeBytes >> 20} MiB are free");
            var made = Make();
            if (made is null) return null;
            Prune();
            var kept = Directory.GetFiles(home.BackupsPath).Count(file => BackupFiles.TimeOf(Path.GetFileName(file)) is not null);
            _note = new(CheckName, true, string.Create(CultureInfo.InvariantCulture, $"last: {Path.GetFileName(made)}, {new FileInfo(made).Length >> 10} KiB; {kept} kept"));
            LogMade(log, made);
            return made;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or OrleansException)
        {
            return Fail(exception.Message);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lifetime.StartedAsync(stoppingToken);
        if (options.Value.Period == TimeSpan.Zero) _note = new(CheckName, true, "switched off (BACKUP_MINUTES=0)");
        for (var wait = FirstWait(); ; wait = Period)
        {
            await Task.Delay(wait, clock, stoppingToken);

            // It reads and writes the disk for as long as it takes.
            await Task.Run(MakeOrCheck, stoppingToken);
        }
    }

    private TimeSpan Period => options.Value.Period > TimeSpan.Zero ? options.Value.Period : CheckPeriod;

    /// <summary>A service that is started again and again makes no more of them.</summary>
    private TimeSpan FirstWait()
    {
        var last = Newest();
        var wait = (last ?? DateTimeOffset.MinValue) + Period - clock.GetUtcNow();
        if (last is not null) _note = new(CheckName, true, $"last: {BackupFiles.NameAt(last.Value)}");
        return last is null || wait < FirstDelay || wait > Period ? FirstDelay < Period ? FirstDelay : Period : wait;
    }

    private DateTimeOffset? Newest()
    {
        try
        {
            return Directory.Exists(home.BackupsPath) ? Directory.GetFiles(home.BackupsPath).Select(file => BackupFiles.TimeOf(Path.GetFileName(file))).Max() : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The backup itself will say what is wrong.
            return null;
        }
    }

    private void MakeOrCheck()
    {
        try
        {
            if (options.Value.Period > TimeSpan.Zero) MakeOne();
            else if (database.Damage is null && database.Check() is { } problem) LogDamage(log, problem);
        }
        catch (Exception exception)
        {
            // Whatever it was: the next one comes.
            Fail(exception.Message);
            LogBroken(log, exception);
        }
    }

    private string? Make()
    {
        DurableFile.CreateFolder(home.BackupsPath);
        foreach (var left in Directory.GetFiles(home.BackupsPath, Making + "*")) File.Delete(left);
        var name = BackupFiles.NameAt(BackupFiles.TimeAfter(Newest(), clock.GetUtcNow()));
        var (aside, path) = (Path.Combine(home.BackupsPath, Making + name), Path.Combine(home.BackupsPath, name));
        if (File.Exists(path)) return path;
        try
        {
            database.CopyTo(aside);
            if (SqliteDatabase.CheckCopy(aside) is { } problem)
            {
                // Is it the copy, or what was copied?
                LogDamage(log, database.Check() ?? $"only the copy: {problem}");
                return Fail($"the copy is not whole ({problem})");
            }

            File.Move(aside, path);
            DurableFile.FlushFolder(home.BackupsPath);
            return path;
        }
        finally
        {
            if (File.Exists(aside)) File.Delete(aside);
        }
    }

    private void Prune()
    {
        foreach (var name in BackupFiles.FindExpendable(Directory.GetFiles(home.BackupsPath).Select(file => Path.GetFileName(file)), options.Value.Keep))
            File.Delete(Path.Combine(home.BackupsPath, name));
    }

    private string? Fail(string reason)
    {
        LogFailed(log, reason);
        var last = Newest();
        _note = new(CheckName, false, $"not made: {reason}; last: {(last is { } time ? BackupFiles.NameAt(time) : "none")}");
        return null;
    }

    [LoggerMessage(160, LogLevel.Debug, "Backup {Path} was made.")]
    private static partial void LogMade(ILogger logger, string path);

    [LoggerMessage(161, LogLevel.Warning, "No backup was made: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);

    [LoggerMessage(162, LogLevel.Critical, "The database was read whole, and is not: {Problem}")]
    private static partial void LogDamage(ILogger logger, string problem);

    [LoggerMessage(163, LogLevel.Error, "Making a backup failed.")]
    private static partial void LogBroken(ILogger logger, Exception exception);
}
