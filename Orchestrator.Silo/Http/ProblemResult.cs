using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Silo.Http;

/// <summary>An error as RFC 9457 wants it, with the member <c>error</c> for existing clients.</summary>
/// <param name="name">The end of the type <c>urn:orchestrator:problem:…</c>.</param>
/// <param name="status">The status code.</param>
/// <param name="title">Fixed for the type.</param>
internal sealed class ProblemResult(string name, int status, string title) : IResult, IStatusCodeHttpResult, IEndpointMetadataProvider
{
    private const string MediaType = "application/problem+json";
    private static readonly int[] CommonStatuses = [400, 401, 404, 409, 413, 415, 500, 503];

    private byte[]? _bytes;

    public int Status => status;

    public int? StatusCode => status;

    /// <summary>What clients show. Default: the title.</summary>
    public string? Error { get; init; }

    /// <summary>For people.</summary>
    public string? Detail { get; init; }

    /// <summary>What is wrong with each field.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors { get; init; }

    /// <summary>For <c>Retry-After</c>.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>For the description of the routes that answer with one.</summary>
    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder)
    {
        foreach (var status in CommonStatuses) builder.Metadata.Add(new ProducesResponseTypeMetadata(status, typeof(Problem), [MediaType]));
    }

    public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext);

    public Task WriteAsync(HttpContext context)
    {
        // Some are written thousands of times a second by whoever guesses signatures.
        _bytes ??= JsonSerializer.SerializeToUtf8Bytes(
            new Problem($"urn:orchestrator:problem:{name}", title, status, Error ?? title, Detail, Errors), AnswerJsonContext.Default.Problem);
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = MediaType;
        response.ContentLength = _bytes.Length;
        if (RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString();
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(_bytes, context.RequestAborted).AsTask();
    }
}
