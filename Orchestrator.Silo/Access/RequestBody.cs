using System.Buffers;
using Microsoft.AspNetCore.Http.Features;

namespace Orchestrator.Silo.Access;

/// <summary>The raw bytes of a request, read once; a feature of the request where its route takes a body.</summary>
/// <param name="Bytes">As they came.</param>
internal sealed record RequestBody(ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The most that is read of a body: 2 MiB.</summary>
    public const int BytesMax = 2 * 1024 * 1024;

    /// <summary>What is set aside before anything has come: a length that is only announced costs the sender nothing.</summary>
    private const int FirstBufferMax = 64 * 1024;

    private const int FirstBuffer = 4096;

    /// <summary>The body that the access check has read.</summary>
    public static ReadOnlyMemory<byte> Of(HttpContext context) =>
        context.Features.Get<RequestBody>()?.Bytes ?? throw new InvalidOperationException("This route has not declared that it takes a body.");

    /// <summary>Reads it all.</summary>
    /// <exception cref="BadHttpRequestException">It is too long, comes too slowly, or breaks off.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false } || context.Request.ContentLength is 0) return default;
        if (context.Request.ContentLength > BytesMax) throw TooLong();
        var buffer = new ArrayBufferWriter<byte>((int)Math.Min(context.Request.ContentLength ?? FirstBuffer, FirstBufferMax));
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            foreach (var part in read.Buffer) buffer.Write(part.Span);
            reader.AdvanceTo(read.Buffer.End);
            if (buffer.WrittenCount > BytesMax) throw TooLong();
            if (read.IsCompleted) return buffer.WrittenMemory;
        }
    }

    /// <summary>Whether there is a body; waits for its first byte at most.</summary>
    /// <exception cref="BadHttpRequestException">It comes too slowly, or breaks off.</exception>
    public static async ValueTask<bool> IsThereAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false } || context.Request.ContentLength is 0) return false;
        if (context.Request.ContentLength > 0) return true;
        var reader = context.Request.BodyReader;
        var read = await reader.ReadAsync(context.RequestAborted);
        var isThere = !read.Buffer.IsEmpty;
        reader.AdvanceTo(read.Buffer.End);
        return isThere;
    }

    private static BadHttpRequestException TooLong() => new("The body is longer than 2 MiB.", StatusCodes.Status413PayloadTooLarge);
}
