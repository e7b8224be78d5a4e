using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace Orchestrator.Silo.Processes;

/// <summary>Reads one output of a tool to its end, and keeps the first bytes of it.</summary>
internal sealed partial class ToolOutput(Stream stream, int bytesMax) : IDisposable
{
    private readonly MemoryStream _kept = new();

    /// <summary>Whether more was written than is kept.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Ends with the output, or when it is cancelled: what was read until then stays.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            while (await stream.ReadAsync(buffer, cancellationToken) is var count and > 0)
            {
                var room = Math.Min(count, bytesMax - (int)_kept.Length);
                _kept.Write(buffer, 0, room);
                IsCut |= room < count;
            }
        }
        catch (OperationCanceledException)
        {
            // Whoever cancels knows why: the tool was ended, or has ended and left a child that holds its output open.
        }
        catch (IOException)
        {
            // The pipe broke: there is nothing more to read.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>What was read.</summary>
    public string Text => Encoding.UTF8.GetString(_kept.GetBuffer(), 0, (int)_kept.Length);

    /// <summary>Replaces <c>user:password@</c> in URLs.</summary>
    public static string WithoutCredentials(string text) => Credentials().Replace(text, "://***@");

    /// <summary>Closes the output, too: it is nobody else's.</summary>
    public void Dispose()
    {
        stream.Dispose();
        _kept.Dispose();
    }

    [GeneratedRegex(@"://[^/\s]+@", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Credentials();
}
