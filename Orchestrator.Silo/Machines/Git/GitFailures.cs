using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>Something that a task asked for and git cannot give: its failure is for people.</summary>
internal sealed class GitRefusedException(MachineFailure failure) : Exception(failure.Message)
{
    public GitRefusedException(string message, string? manualSteps) : this(new MachineFailure(message, manualSteps))
    {
    }

    public MachineFailure Failure { get; } = failure;
}

/// <summary>Says what went wrong in words that name repository and cause, and what to do. The texts of git that are looked for are English: <c>LC_ALL=C</c>.</summary>
internal static class GitFailures
{
    private static readonly (string Text, Func<GitMirror, string> Message, string Steps)[] Known =
    [
        ("no space left on device", mirror => $"The disk was full while git worked on {mirror.Repository}.", "Free disk space under ORCHESTRATOR_HOME, then retry the task."),
        ("disk quota exceeded", mirror => $"The disk quota was used up while git worked on {mirror.Repository}.", "Free disk space under ORCHESTRATOR_HOME, then retry the task."),
        ("repository not found", NotFound, NotFoundSteps),
        ("does not appear to be a git repository", NotFound, NotFoundSteps),
        ("does not exist", NotFound, NotFoundSteps),
        ("' not found", NotFound, NotFoundSteps),
        ("authentication failed", NoAccess, AccessSteps),
        ("could not read username", NoAccess, AccessSteps),
        ("could not read password", NoAccess, AccessSteps),
        ("permission denied", NoAccess, AccessSteps),
        ("host key verification failed", NoAccess, AccessSteps),
        ("the requested url returned error: 401", NoAccess, AccessSteps),
        ("the requested url returned error: 403", NoAccess, AccessSteps),
        ("could not resolve host", Unreachable, UnreachableSteps),
        ("connection refused", Unreachable, UnreachableSteps),
        ("connection timed out", Unreachable, UnreachableSteps),
        ("network is unreachable", Unreachable, UnreachableSteps),
        ("failed to connect", Unreachable, UnreachableSteps),
        ("transport '", mirror => $"Repository {mirror.Repository} has a URL of a kind that is not allowed ({mirror.ShownUrl}).", "Set GIT_URL_TEMPLATE to a file, git, http, https or ssh URL."),
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
            $"git {tool.Subcommand} of {mirror.Repository} took too long and was ended ({mirror.ShownUrl}).", "Look whether the remote answers and needs no login, then retry the task."),
        ToolFailedException { Kind: ToolFailureKind.Exited } tool => Describe(tool, mirror),
        ToolFailedException tool => new(tool.Message, tool.Advice),
        _ when IsDiskFull(exception.Message) => new(Known[0].Message(mirror), Known[0].Steps),
        _ => new($"The files of {mirror.Repository} on this machine could not be read or written: {exception.Message}", "Check the disk, and who owns ORCHESTRATOR_HOME."),
    };

    private static MachineFailure Describe(ToolFailedException tool, GitMirror mirror)
    {
        var error = tool.ErrorTail;
        foreach (var (text, message, steps) in Known)
            if (error.Contains(text, StringComparison.OrdinalIgnoreCase)) return new($"{message(mirror)} git {tool.Subcommand} says: {error}", steps);
        return new($"git {tool.Subcommand} failed for {mirror.Repository} with exit code {tool.ExitCode}: {error}", null);
    }

    private static bool IsDiskFull(string message) => message.Contains("no space left", StringComparison.OrdinalIgnoreCase) || message.Contains("disk full", StringComparison.OrdinalIgnoreCase);

    private static string NotFound(GitMirror mirror) => $"Repository {mirror.Repository} was not found, or this machine may not read it ({mirror.ShownUrl}).";

    private static string NoAccess(GitMirror mirror) => $"This machine may not read repository {mirror.Repository} ({mirror.ShownUrl}).";

    private static string Unreachable(GitMirror mirror) => $"Repository {mirror.Repository} cannot be reached ({mirror.ShownUrl}).";
}
