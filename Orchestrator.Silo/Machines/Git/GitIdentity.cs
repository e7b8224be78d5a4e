namespace Orchestrator.Silo.Machines.Git;

/// <summary>Whether this machine's user has told git who they are. Asked once in a service's life; agents can commit either way, as <see cref="MirrorSettings"/> names somebody when the user did not.</summary>
internal sealed class GitIdentity(GitProgram git)
{
    private readonly Lock _gate = new();
    private Task<bool>? _answer;

    public async Task<bool> IsConfiguredAsync(CancellationToken cancellationToken)
    {
        Task<bool> answer;
        lock (_gate)
        {
            // A failure (git missing) is no answer to keep.
            if (_answer is null or { IsFaulted: true } or { IsCanceled: true }) _answer = AskAsync();
            answer = _answer;
        }

        return await answer.WaitAsync(cancellationToken);
    }

    private async Task<bool> AskAsync()
    {
        // Outside of any repository: the system's and the user's configuration alone are read. Exit code 1: no such name.
        var result = await git.TryRunAsync(new(null, "config", "--get-regexp", @"^user\.(name|email)$"), CancellationToken.None);
        var names = result.StandardOutput.Split('\n').Select(line => line.Split(' ')[0]).ToHashSet();
        return names.Contains("user.name") && names.Contains("user.email");
    }
}
