using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;
using Orchestrator.Silo.Http;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>The transcript as it is now: whole, or one range of bytes of it (RFC 9110 §14).</summary>
internal sealed class TranscriptResult(TranscriptFiles files) : IResult, IEndpointMetadataProvider
{
    public const string MediaType = "text/plain; charset=utf-8";

    public static void PopulateMetadata(System.Reflection.MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(200, typeof(string), ["text/plain"]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var lengths = files.ReadLengths();
        var total = lengths.Sum();
        var response = httpContext.Response;
        response.Headers.AcceptRanges = "bytes";
        var (from, count) = (0L, total);
        if (FindRange(httpContext.Request) is { } range)
        {
            (from, count) = Resolve(range, total);
            if (count <= 0)
            {
                response.Headers.ContentRange = $"bytes */{total}";
                await Problems.RangeNotSatisfiable(total).WriteAsync(httpContext);
                return;
            }

            response.StatusCode = StatusCodes.Status206PartialContent;
            response.Headers.ContentRange = $"bytes {from}-{from + count - 1}/{total}";
        }

        response.ContentType = MediaType;
        response.ContentLength = count;
        response.Headers.XContentTypeOptions = "nosniff";
        await files.CopyAsync(response.Body, lengths, from, count, httpContext.RequestAborted);
    }

    /// <summary>Only a single range of bytes is served; for anything else the whole is a correct answer.</summary>
    private static RangeItemHeaderValue? FindRange(HttpRequest request)
    {
        var range = request.GetTypedHeaders().Range;
        return range is { Ranges.Count: 1 } && range.Unit == "bytes" ? range.Ranges.First() : null;
    }

    private static (long From, long Count) Resolve(RangeItemHeaderValue range, long total)
    {
        if (range.From is { } from) return (from, Math.Min(range.To ?? (total - 1), total - 1) - from + 1);
        var last = Math.Min(range.To ?? 0, total);
        return (total - last, last);
    }
}
