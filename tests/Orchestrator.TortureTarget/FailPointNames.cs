namespace Orchestrator.TortureTarget;

/// <summary>Every place where the service can be made to fail: what it does (an effect) or writes down (a record), before and after.</summary>
internal static class FailPointNames
{
    /// <summary>Effects and records. Each one is hit as <c>name.before</c> and <c>name.after</c>.</summary>
    public static IReadOnlyList<string> Steps { get; } =
    [
        // Acceptance: what a request leaves behind, in the order in which it counts.
        "nonce.spend", "accept.row", "accept.reminder", "accept.request", "state.accepted",
        // Lease.
        "lease.taken", "state.preparing",
        // Worktree.
        "worktree.prepare", "git.fetch", "git.worktree-add", "git.checkout", "state.ready",
        // Session.
        "session.open", "session.close", "session.start", "state.started", "session.watch", "session.stop", "state.stopping", "worktree.unlock", "state.next-attempt",
        // Exit and result.
        "state.collecting", "work.collect", "state.ended",
        // Cleanup of the run.
        "lease.freed", "state.wound-up", "worktree.keep", "worktree.remove", "worktree.find", "state.worktree-settled", "row.update", "row.remove", "reminder.remove",
        // Callback.
        "callback.reminder", "callback.owed", "callback.try", "callback.failed", "callback.delivered", "state.callback-settled",
    ];

    /// <summary>Tools that go on while the service dies; git is under way then.</summary>
    public static IReadOnlyList<string> During { get; } = ["git.fetch.during", "git.worktree-add.during", "git.checkout.during"];

    /// <summary>Those of the session host's test build: its lock, its first word, the agent's name, its last word.</summary>
    public static IReadOnlyList<string> Host { get; } =
        ["host.locked", "host.started.before", "host.started.after", "host.named.before", "host.named.after", "host.exit.before", "host.exit.after"];

    /// <summary>All of the service, as <c>FAIL_POINT</c> names them.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Steps.SelectMany(step => (string[])[$"{step}.before", $"{step}.after"]), .. During];
}
