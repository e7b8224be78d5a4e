using System.Text;
using Orchestrator.Torture.Checking;

namespace Orchestrator.Torture.Driving;

/// <summary>What the client was told, on the disk before anything else is done with it.</summary>
internal sealed class AcknowledgementLog(string path) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    public void Add(Word word, string taskId, int status)
    {
        lock (_gate)
        {
            _file.Write(Encoding.UTF8.GetBytes($"{word} {taskId} {status}\n"));
            _file.Flush(flushToDisk: true);
        }
    }

    public IReadOnlyList<Acknowledgement> Read()
    {
        lock (_gate)
        {
            return [.. File.ReadLines(path).Select(line => line.Split(' ')).Select(parts => new Acknowledgement(Enum.Parse<Word>(parts[0]), parts[1], int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture)))];
        }
    }

    public void Dispose() => _file.Dispose();
}
