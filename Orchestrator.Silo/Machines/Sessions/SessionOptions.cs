namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>How sessions are watched. The defaults are right; tests shorten them.</summary>
internal sealed class SessionOptions
{
    /// <summary>How often the end of sessions is looked for. Default: 100 ms.</summary>
    public TimeSpan LookInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How often it is checked that their hosts live. Default: 1 s.</summary>
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How often it is checked that their views are there. Default: 5 s.</summary>
    public TimeSpan ViewInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a session may show no sign of life. Default: 20 minutes (<c>INACTIVITY_MINUTES</c>).</summary>
    public TimeSpan InactivityTimeout { get; set; } = TimeSpan.FromMinutes(20);

    /// <summary>How long a host may take from its start until it says so. Default: 60 s.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>From interrupt to kill, seconds. Default: 10.</summary>
    public int StopGraceSeconds { get; set; } = 10;

    /// <summary>How long the repository's setup script may take, seconds. Default: 600.</summary>
    public int SetupTimeoutSeconds { get; set; } = 600;

    /// <summary>Most output of an attempt that is kept, bytes. Default: 64 MiB.</summary>
    public long OutputBytesMax { get; set; } = 64L * 1024 * 1024;
}
