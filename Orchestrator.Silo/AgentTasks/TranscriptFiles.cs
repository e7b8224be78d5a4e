using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>The transcripts of all attempts of a task, one after the other, as one text.</summary>
internal sealed class TranscriptFiles
{
    private readonly IReadOnlyList<string> _paths;

    /// <param name="home">Where session folders are.</param>
    /// <param name="taskId">A valid task id.</param>
    /// <param name="attempts">The task's attempts.</param>
    public TranscriptFiles(OrchestratorHome home, string taskId, IReadOnlyList<AgentTaskAttempt> attempts) => _paths =
    [
        .. attempts.OrderBy(attempt => (attempt.Run, attempt.Number))
            .Select(attempt => Path.Combine(home.SessionsPath, taskId, $"{attempt.Run}.{attempt.Number}", SessionFiles.Transcript)),
    ];

    /// <summary>How long each is now, bytes; one that is not there (yet) is empty.</summary>
    public IReadOnlyList<long> ReadLengths() => [.. _paths.Select(OutputArchive.Length)];

    /// <summary>Copies a part of the whole.</summary>
    /// <param name="to">Where to.</param>
    /// <param name="lengths">As <see cref="ReadLengths"/> said: what was written since then does not count.</param>
    /// <param name="from">The first byte.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public async Task CopyAsync(Stream to, IReadOnlyList<long> lengths, long from, long count, CancellationToken cancellationToken)
    {
        for (var index = 0; index < lengths.Count && count > 0; index++)
        {
            var part = Math.Min(count, lengths[index] - from);
            if (part > 0)
            {
                await CopyFileAsync(_paths[index], to, from, part, cancellationToken);
                count -= part;
            }

            from = Math.Max(0, from - lengths[index]);
        }
    }

    private static async Task CopyFileAsync(string path, Stream to, long from, long count, CancellationToken cancellationToken)
    {
        await using var file = OutputArchive.OpenRead(path);
        var buffer = new byte[64 * 1024];
        if (file.CanSeek) file.Seek(from, SeekOrigin.Begin);
        else await SkipAsync(file, from, buffer, cancellationToken);
        while (count > 0)
        {
            var read = await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellationToken);
            if (read == 0) throw new IOException($"The transcript '{path}' became shorter while it was read.");
            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            count -= read;
        }
    }

    private static async Task SkipAsync(Stream file, long count, byte[] buffer, CancellationToken cancellationToken)
    {
        while (count > 0 && await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellationToken) is var read and > 0) count -= read;
    }
}
