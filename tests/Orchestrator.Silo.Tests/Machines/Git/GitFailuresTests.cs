using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class GitFailuresTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData("ERROR: Repository not found.", MachineFailureKind.Request)]
    [InlineData("fatal: Authentication failed for X", MachineFailureKind.Machine)]
    [InlineData("git@host: Permission denied (publickey).", MachineFailureKind.Machine)]
    [InlineData("error: file write error: No space left on device", MachineFailureKind.Machine)]
    [InlineData("fatal: something that nobody knows", MachineFailureKind.Machine)]
    [InlineData("fatal: unable to access X: Could not resolve host: X", MachineFailureKind.Passing)]
    [InlineData("ssh: connect to host x port 22: Connection timed out", MachineFailureKind.Passing)]
    [InlineData("fatal: unable to access X: The requested URL returned error: 503", MachineFailureKind.Passing)]
    [InlineData("fatal: the remote end hung up unexpectedly", MachineFailureKind.Passing)]
    public async Task What_git_says_tells_who_can_do_something_about_it(string text, MachineFailureKind kind)
    {
        _home.Misbehave($"""if [ "$sub" = fetch ]; then echo '{text}' >&2; exit 128; fi""");
        var failure = await _home.RefusedAsync(GitHome.Request("t1"));
        Assert.Equal(kind, failure.Kind);
        Assert.Contains(text, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_branch_that_is_not_there_is_the_requests_fault_and_a_git_that_is_not_there_the_machines()
    {
        Assert.Equal(MachineFailureKind.Request, (await _home.RefusedAsync(GitHome.Request("t1", baseBranch: "nope"))).Kind);
        File.Delete(_home.At("git"));
        Assert.Equal(MachineFailureKind.Machine, (await _home.RefusedAsync(GitHome.Request("t2"))).Kind);
    }

    [Fact]
    public async Task A_git_that_takes_too_long_passes()
    {
        _home.Options.FetchTimeout = TimeSpan.FromMilliseconds(300);
        _home.Restart();
        _home.Misbehave("""if [ "$sub" = fetch ]; then exec sleep 60; fi""");
        Assert.Equal(MachineFailureKind.Passing, (await _home.RefusedAsync(GitHome.Request("t1"))).Kind);
    }
}
