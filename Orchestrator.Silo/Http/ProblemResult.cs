using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Silo.Http;

/// <summary>An error as RFC 9457 wants it, with the member <c>error</c> for existing clients.</summary>
/// <param name="name">The end of the type <c>urn:orchestrator:problem:…</c>.</param>
/// <param name="status">The status code.</param>
/// <param name="title">Fixed for the type.</param>
internal sealed class ProblemResult(string name, int status, string title) : IResult, IStatusCodeHttpResult
{
    private byte[]? _bytes;

    public int Status => status;

    public int? StatusCode => status;

    /// <summary>What clients show. Default: the title.</summary>
    public string Error { get; init; } = title;

    /// <summary>For people.</summary>
    public string? Detail { get; init; }

    /// <summary>What is wrong with each field.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors { get; init; }

    /// <summary>For <c>Retry-After</c>.</summary>
    public int? RetryAfterSeconds { get; init; }

    public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext);

    public Task WriteAsync(HttpContext context)
    {
        // Some are written thousands of times a second by whoever guesses signatures.
        _bytes ??= JsonSerializer.SerializeToUtf8Bytes(
            new Problem($"urn:orchestrator:problem:{name}", title, status, Error, Detail, Errors), AnswerJsonContext.Default.Problem);
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        response.ContentLength = _bytes.Length;
        if (RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString();
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(_bytes, context.RequestAborted).AsTask();
    }
}
