namespace Orchestrator.Silo.Configuration;

/// <summary>What is kept of ended tasks, and for how long.</summary>
internal sealed class CleanupOptions
{
    /// <summary>How long the worktree of an ended task stays. Default: 7 days (<c>WORKTREE_KEEP_DAYS</c>).</summary>
    public TimeSpan WorktreeAgeMax { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many worktrees of ended tasks stay. Default: 100 (<c>WORKTREE_KEEP_COUNT</c>).</summary>
    public int WorktreeCountMax { get; set; } = 100;

    /// <summary>How many bytes worktrees, sessions and mirrors may have before worktrees of ended tasks go; 0: no limit, and nothing is measured. Default: 0 (<c>HOME_MAX_GB</c>, of 2^30 bytes).</summary>
    public long HomeBytesMax { get; set; }

    /// <summary>How long what was put aside stays, once it is saved elsewhere; what is not saved stays for ever. Default: 30 days (<c>QUARANTINE_KEEP_DAYS</c>).</summary>
    public TimeSpan QuarantineAge { get; set; } = TimeSpan.FromDays(30);

    /// <summary>After what time the output of ended tasks is compressed. Default: 1 day (<c>TRANSCRIPT_COMPRESS_DAYS</c>).</summary>
    public TimeSpan TranscriptCompressAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long the sessions' folders of ended tasks stay. Default: 30 days (<c>TRANSCRIPT_KEEP_DAYS</c>).</summary>
    public TimeSpan TranscriptAge { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How often it is looked for what may go. Default: 10 minutes.</summary>
    public TimeSpan Period { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Most things of each kind that one sweep removes or puts aside. Default: 20.</summary>
    public int RemovalsMax { get; set; } = 20;

    /// <summary>How long one sweep may take; what is left waits for the next. Default: 3 minutes.</summary>
    public TimeSpan TimeMax { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>What belongs to no task is let alone until it is this old. Default: 10 minutes.</summary>
    public TimeSpan LeftoverAgeMin { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Likewise what has sessions, since the last of them ended: without them, the same task sent again would run a second time. Default: 1 day.</summary>
    public TimeSpan LeftoverSessionAgeMin { get; set; } = TimeSpan.FromDays(1);

    /// <summary>When a worktree that could not be removed is tried again. Default: 1 hour.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromHours(1);
}
