using System.Buffers;
using Microsoft.AspNetCore.Http.Features;

namespace Orchestrator.Silo.Access;

/// <summary>The raw bytes of a request, read once; a feature of the request where its route takes a body.</summary>
/// <param name="Bytes">As they came.</param>
internal sealed record RequestBody(ReadOnlyMemory<byte> Bytes)
{
    /// <summary>The most that is read of a body: 2 MiB.</summary>
    public const int BytesMax = 2 * 1024 * 1024;

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
        var buffer = new ArrayBufferWriter<byte>((int)(context.Request.ContentLength ?? FirstBuffer));
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

    private static BadHttpRequestException TooLong() => new("The body is longer than 2 MiB.", StatusCodes.Status413PayloadTooLarge);
}
