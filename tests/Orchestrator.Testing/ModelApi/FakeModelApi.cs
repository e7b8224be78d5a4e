using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Orchestrator.Testing.ModelApi;

/// <summary>
/// Stands in for the Anthropic Messages API on 127.0.0.1, so that the real Claude Code runs without a network: every session plays a script, one step for each
/// request. Strict: what breaks a rule of the API, or is not what the tests expect of the agent, is answered with 400 and kept in <see cref="Violations"/>.
/// </summary>
public sealed partial class FakeModelApi : IAsyncDisposable
{
    private static readonly ModelStep AfterEnd = ModelStep.Say("(the script has ended)");

    private readonly WebApplication _app;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, IReadOnlyList<ModelStep>> _scripts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _played = new(StringComparer.Ordinal);
    private readonly List<ModelRequest> _requests = [];
    private readonly ConcurrentQueue<string> _violations = new();
    private TaskCompletionSource _arrival = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IReadOnlyList<ModelStep> _script = [AfterEnd];
    private int _replies;

    private FakeModelApi(WebApplication app) => _app = app;

    /// <summary>What the agent gets as <c>ANTHROPIC_BASE_URL</c>.</summary>
    public string BaseUrl => _app.Urls.First();

    /// <summary>What the agent gets as <c>ANTHROPIC_API_KEY</c>; made up.</summary>
    public string ApiKey { get; } = "made-up-" + Guid.NewGuid().ToString("N");

    /// <summary>What agents sent that they should not have; empty when all went well.</summary>
    public IReadOnlyList<string> Violations => [.. _violations];

    /// <summary>The requests so far, in order.</summary>
    public IReadOnlyList<ModelRequest> Requests
    {
        get
        {
            lock (_lock) return [.. _requests];
        }
    }

    /// <summary>Starts one on a free port.</summary>
    public static async Task<FakeModelApi> StartAsync(params IReadOnlyList<ModelStep> script)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var api = new FakeModelApi(builder.Build());
        api.Play(script);
        api._app.Run(api.AnswerAsync);
        await api._app.StartAsync();
        return api;
    }

    /// <summary>The script of every session that has none of its own; each plays it from its beginning.</summary>
    public void Play(params IReadOnlyList<ModelStep> script)
    {
        lock (_lock) _script = script;
    }

    /// <summary>The script of one session, from its next request on.</summary>
    public void PlayFor(string sessionId, params IReadOnlyList<ModelStep> script)
    {
        lock (_lock) (_scripts[sessionId], _played[sessionId]) = (script, 0);
    }

    /// <summary>Waits until the session has made so many requests.</summary>
    public async Task<ModelRequest> WaitForRequestAsync(string sessionId, int number, TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout, TimeProvider.System);
        while (true)
        {
            Task arrival;
            lock (_lock)
            {
                if (_requests.Find(request => request.SessionId == sessionId && request.Number == number) is { } found) return found;
                arrival = _arrival.Task;
            }

            try
            {
                await arrival.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException(
                    $"Request {number} of session {sessionId} did not come within {timeout}. There were {Requests.Count} requests; violations: {string.Join(" | ", Violations)}",
                    exception);
            }
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var body = await ReadAsync(context.Request);
        var broken = ModelRequestRules.Check(context.Request, body, ApiKey).ToList();
        if (broken.Count > 0)
        {
            foreach (var each in broken) _violations.Enqueue(each);
            await ModelReply.WriteErrorAsync(context.Response, new(400, "invalid_request_error", string.Join(" ", broken)));
            return;
        }

        var (request, step) = Next(context.Request.Headers["x-claude-code-session-id"].ToString(), body!);
        CheckOffer(step, body!);
        try
        {
            await Task.Delay(step.Delay, TimeProvider.System, context.RequestAborted);
            var reply = new ModelReply(context.Response, step, request.Model, WorkingDirectoryIn(body!), NewId());
            if (step.Error is { } error) await ModelReply.WriteErrorAsync(context.Response, error);
            else if (ModelRequestRules.WantsStream(body!)) await reply.WriteAsync(context.RequestAborted);
            else await reply.WriteWholeAsync(context.RequestAborted);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The agent is gone, which is what some tests do to it.
        }
    }

    private (ModelRequest Request, ModelStep Step) Next(string sessionId, JsonObject body)
    {
        lock (_lock)
        {
            var script = _scripts.GetValueOrDefault(sessionId, _script);
            var played = _played.GetValueOrDefault(sessionId);
            var step = played < script.Count ? script[played] : AfterEnd;
            if (!step.IsRepeated) _played[sessionId] = played + 1;
            var number = _requests.Count(each => each.SessionId == sessionId) + 1;
            var request = new ModelRequest(sessionId, number, ModelRequestRules.Text(body["model"])!, (JsonArray)body["messages"]!.DeepClone());
            _requests.Add(request);
            _arrival.SetResult();
            _arrival = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return (request, step);
        }
    }

    private void CheckOffer(ModelStep step, JsonObject body)
    {
        var offered = ((JsonArray)body["tools"]!).Select(tool => ModelRequestRules.Text(tool?["name"])).ToHashSet(StringComparer.Ordinal);
        foreach (var tool in step.Tools.Where(tool => !offered.Contains(tool.Name))) _violations.Enqueue($"The script asks for the tool {tool.Name}, which the agent does not offer.");
    }

    private static async Task<JsonObject?> ReadAsync(HttpRequest request)
    {
        try
        {
            return await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string WorkingDirectoryIn(JsonObject body) =>
        Strings(body["system"]).Concat(Strings(body["messages"])).Select(text => WorkingDirectory().Match(text)).FirstOrDefault(match => match.Success)?.Groups["path"].Value ?? "";

    private static IEnumerable<string> Strings(JsonNode? node) => node switch
    {
        JsonArray array => array.SelectMany(Strings),
        JsonObject each => each.SelectMany(member => Strings(member.Value)),
        _ => ModelRequestRules.Text(node) is { } text ? [text] : [],
    };

    private string NewId() => string.Create(CultureInfo.InvariantCulture, $"msg_{Interlocked.Increment(ref _replies)}");

    [GeneratedRegex(@"[Ww]orking directory: (?<path>\S+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex WorkingDirectory();
}
