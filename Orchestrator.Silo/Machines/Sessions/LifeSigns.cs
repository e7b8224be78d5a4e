namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>
/// Judges by output and processor time how long a session has shown no sign of life. Reads neither clock nor disk: the times that it is given are of one clock that does not jump, from
/// any beginning.
/// </summary>
/// <param name="timeout">How long it may be without one.</param>
internal sealed class LifeSigns(TimeSpan timeout)
{
    /// <summary>
    /// Which part of one processor is work, over the time between two looks. A Claude Code that waits for a dead stream was seen (2.1.330) to use 1.3 % in its first seconds and 0.1 to 0.3 % later; its start 20 %; a compiler, a
    /// test run or a download that is unpacked uses tens of percent.
    /// </summary>
    public const double WorkShare = 0.03;

    /// <summary>The system counts in steps of 10 ms, for each process: less than this tells nothing.</summary>
    private static readonly TimeSpan WorkMin = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(30);
    private (DateTime Written, long Length)? _output;
    private TimeSpan _outputAt;
    private TimeSpan? _workAt;
    private (TimeSpan At, TimeSpan Used)? _sample;
    private TimeSpan _sampledSince;

    /// <summary>How often processor time is looked at: a quarter of the timeout, 30 s at most.</summary>
    public TimeSpan LookInterval { get; } = timeout / 4 < LongestInterval ? timeout / 4 : LongestInterval;

    /// <summary>The output's file, as it is now.</summary>
    /// <param name="at">Now.</param>
    /// <param name="file">When it was written, and its length: when they change, something was printed.</param>
    /// <param name="age">How long ago it was written, by the wall clock: what the first look has to go by.</param>
    public void SawOutput(TimeSpan at, (DateTime Written, long Length) file, TimeSpan age)
    {
        if (_output == file) return;
        _outputAt = _output is null && age > TimeSpan.Zero ? at - age : at;
        _output = file;
        _sample = null;
    }

    /// <summary>Whether the output has been silent for so long that processor time has to be looked at.</summary>
    public bool NeedsSample(TimeSpan at) => at - _outputAt >= LookInterval && (_sample is not { } last || at - last.At >= LookInterval);

    /// <summary>The processor time of all the session's processes, with those that they have waited for.</summary>
    public void SawProcessorTime(TimeSpan at, TimeSpan used)
    {
        if (_sample is not { } last) _sampledSince = at;

        // Less than before: somebody ended for whom nobody waited. How much the others worked cannot be told.
        else if (used - last.Used is var work && work >= WorkMin && work >= (at - last.At) * WorkShare) _workAt = at;
        _sample = (at, used);
    }

    /// <summary>How long it has been without a sign of life, when that is too long; null otherwise.</summary>
    public TimeSpan? SilenceAt(TimeSpan at)
    {
        // Who has just begun to look (the service was started again) does not know of the work before.
        if (_sample is null || at - _sampledSince < timeout / 4) return null;
        var last = _workAt > _outputAt ? _workAt.Value : _outputAt;
        return at - last >= timeout ? at - last : null;
    }
}
