namespace Orchestrator.Contracts.Sessions;

/// <summary>
/// The files of one session's folder, <c>sessions/&lt;taskId&gt;/&lt;run&gt;.&lt;attempt&gt;/</c> (0700, files 0600). The service writes <see cref="Expected"/>,
/// <see cref="Launch"/>, <see cref="Prompt"/>, <see cref="Stop"/> and <see cref="Inbox"/>; everything else is the session host's.
/// </summary>
public static class SessionFiles
{
    /// <summary>What to run: <see cref="SessionLaunch"/>.</summary>
    public const string Launch = "launch.json";

    /// <summary>The prompt, byte for byte.</summary>
    public const string Prompt = "prompt.txt";

    /// <summary>
    /// Present while a start is expected: a session host that is started before <see cref="Launch"/> is there waits for it as long as this file is, and ends without a trace when it goes.
    /// </summary>
    public const string Expected = "expected";

    /// <summary>Held (exclusively locked) by the session host for its whole life: the truth about "alive".</summary>
    public const string Lock = "lock";

    /// <summary>Who runs: <see cref="SessionStarted"/>.</summary>
    public const string Started = "started.json";

    /// <summary>What the agent printed, a line each: <see cref="SessionEvent"/>.</summary>
    public const string Events = "events.jsonl";

    /// <summary>What a person reads of it: the same text that the pane shows, without escape sequences.</summary>
    public const string Transcript = "transcript.log";

    /// <summary>The agent's standard error, capped.</summary>
    public const string StandardError = "stderr.log";

    /// <summary>Follow-up messages, taken up in the order of their names.</summary>
    public const string Inbox = "inbox";

    /// <summary>That the session shall end: <see cref="SessionStop"/>. Written before the session host is signalled.</summary>
    public const string Stop = "stop.json";

    /// <summary>How it ended: <see cref="SessionExit"/>. Written once, last.</summary>
    public const string Exit = "exit.json";
}
