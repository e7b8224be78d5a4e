using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>Something that a task asked for and git cannot give: its failure is for people.</summary>
internal sealed class GitRefusedException(MachineFailure failure) : Exception(failure.Message)
{
    public GitRefusedException(string message, string? manualSteps, MachineFailureKind kind = MachineFailureKind.Request) : this(new MachineFailure(message, manualSteps, kind))
    {
    }

    public MachineFailure Failure { get; } = failure;
}

/// <summary>Says what went wrong in words that name repository and cause, and what to do. The texts of git that are looked for are English: <c>LC_ALL=C</c>.</summary>
internal static class GitFailures
{
    private static readonly (string Text, MachineFailureKind Kind, Func<GitMirror, string> Message, string Steps)[] Known =
    [
        ("no space left on device", MachineFailureKind.Machine, mirror => $"The disk was full while git worked on {mirror.Repository}.", "Free disk space under ORCHESTRATOR_HOME, then retry the task."),
        ("disk quota exceeded", MachineFailureKind.Machine, mirror => $"The disk quota was used up while git worked on {mirror.Repository}.", "Free disk space under ORCHESTRATOR_HOME, then retry the task."),
        ("unable to write", MachineFailureKind.Machine, mirror => $"Git could not write files of {mirror.Repository}: the disk is full, or not to be written to.", "Free disk space under ORCHESTRATOR_HOME, then retry the task."),
        ("repository not found", MachineFailureKind.Request, NotFound, NotFoundSteps),
        ("does not appear to be a git repository", MachineFailureKind.Request, NotFound, NotFoundSteps),
        ("does not exist", MachineFailureKind.Request, NotFound, NotFoundSteps),
        ("' not found", MachineFailureKind.Request, NotFound, NotFoundSteps),
        ("authentication failed", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("could not read username", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("could not read password", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("permission denied", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("host key verification failed", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("the requested url returned error: 401", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("the requested url returned error: 403", MachineFailureKind.Machine, NoAccess, AccessSteps),
        ("could not resolve host", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("connection refused", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("network is unreachable", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("failed to connect", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("no route to host", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("timed out", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("connection reset", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("hung up unexpectedly", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("the requested url returned error: 429", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        ("the requested url returned error: 5", MachineFailureKind.Passing, Unreachable, UnreachableSteps),
        (".lock': file exists", MachineFailureKind.Passing, mirror => $"Another git kept {mirror.Repository} locked for too long.", "Look which git still works there, then retry the task."),
        ("transport '", MachineFailureKind.Machine, mirror => $"Repository {mirror.Repository} has a URL of a kind that is not allowed ({mirror.ShownUrl}).", "Set GIT_URL_TEMPLATE to a file, git, http, https or ssh URL."),
    ];

    private const string NotFoundSteps = "Check the task's repository and GIT_URL_TEMPLATE, and that the service's user can run `git ls-remote` on this URL.";
    private const string AccessSteps = "Give the service's user credentials for it: `git ls-remote` on this URL must work without a question.";
    private const string UnreachableSteps = "Check network, proxy and VPN, then retry the task.";

    /// <summary>Whether an exception is one that repositories, disks and networks cause; any other is a bug and goes on.</summary>
    public static bool IsExpected(Exception exception) => exception is GitRefusedException or ToolFailedException or IOException or UnauthorizedAccessException;

    /// <summary>What to tell people.</summary>
    public static MachineFailure Describe(Exception exception, GitMirror mirror) => exception switch
    {
        GitRefusedException refused => refused.Failure,
        ToolFailedException { Kind: ToolFailureKind.TimedOut } tool => new(
            $"git {tool.Subcommand} of {mirror.Repository} took too long and was ended ({mirror.ShownUrl}).", "Look whether the remote answers and needs no login, then retry the task.", MachineFailureKind.Passing),
        ToolFailedException { Kind: ToolFailureKind.Exited } tool => Describe(tool, mirror),
        ToolFailedException tool => new(tool.Message, tool.Advice, MachineFailureKind.Machine),
        _ when IsDiskFull(exception.Message) => new(Known[0].Message(mirror), Known[0].Steps, MachineFailureKind.Machine),
        _ => new($"The files of {mirror.Repository} on this machine could not be read or written: {exception.Message}", "Check the disk, and who owns ORCHESTRATOR_HOME.",
            MachineFailureKind.Machine),
    };

    private static MachineFailure Describe(ToolFailedException tool, GitMirror mirror)
    {
        var error = tool.ErrorTail;
        foreach (var (text, kind, message, steps) in Known)
            if (error.Contains(text, StringComparison.OrdinalIgnoreCase)) return new($"{message(mirror)} git {tool.Subcommand} says: {error}", steps, kind);
        return new($"git {tool.Subcommand} failed for {mirror.Repository} with exit code {tool.ExitCode}: {error}", null, MachineFailureKind.Machine);
    }

    private static bool IsDiskFull(string message) => message.Contains("no space left", StringComparison.OrdinalIgnoreCase) || message.Contains("disk full", StringComparison.OrdinalIgnoreCase);

    private static string NotFound(GitMirror mirror) => $"Repository {mirror.Repository} was not found, or this machine may not read it ({mirror.ShownUrl}).";

    private static string NoAccess(GitMirror mirror) => $"This machine may not read repository {mirror.Repository} ({mirror.ShownUrl}).";

    private static string Unreachable(GitMirror mirror) => $"Repository {mirror.Repository} cannot be reached ({mirror.ShownUrl}).";
}
