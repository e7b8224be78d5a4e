using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Options;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Callbacks;

/// <summary>Makes one HTTP request of a callback: POST, signed anew each time. Follows no redirect, uses no proxy, keeps no cookie, and reads of the answer only what it takes to use the connection again.</summary>
internal sealed class CallbackSender : IDisposable
{
    /// <summary>The receiver does much before it answers.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(120);

    private const int AnswerBytesMax = 64 * 1024;
    private const int RetryAfterMaxSeconds = 3600;
    private const int TraceIdLengthMax = 256;

    private readonly CallbackAddress _address;
    private readonly CallbackOptions _options;
    private readonly TimeProvider _clock;
    private readonly HttpMessageInvoker _http;

    public CallbackSender(CallbackAddress address, IOptions<CallbackOptions> options, TimeProvider clock)
    {
        (_address, _options, _clock) = (address, options.Value, clock);
        _http = new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectCallback = address.ConnectAsync,
            MaxResponseHeadersLength = AnswerBytesMax / 1024,

            // The answer's body says nothing that we need: it is drained when the response is disposed of, that far, or the connection is closed.
            MaxResponseDrainSize = AnswerBytesMax,
            ResponseDrainTimeout = TimeSpan.FromSeconds(2),

            // Less than the five seconds after which Node closes an idle connection: a request that meets the close is lost.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(4),
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        });
    }

    /// <summary>Sends it. The answer is always a value, unless the token was cancelled.</summary>
    /// <param name="callback">What to send.</param>
    /// <param name="at">Now.</param>
    /// <param name="cancellationToken">The service stops.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<CallbackTry> SendAsync(OwedCallback callback, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (_address.CheckUrl(callback.Url) is { } reason) return new(at, null, $"The URL {reason}.", IsFinal: true);
        using var timeout = new CancellationTokenSource(Timeout, _clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var request = CreateRequest(callback, at);
            using var response = await _http.SendAsync(request, both.Token);
            var status = (int)response.StatusCode;
            return new(at, status, status is >= 200 and < 300 ? null : $"The receiver answered {status}.", RetryAfterSeconds: ReadRetryAfter(response.Headers.RetryAfter));
        }
        catch (Exception exception) when (Refusal(exception) is { } refusal)
        {
            return new(at, null, refusal.Message, IsFinal: true);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(at, null, $"No answer within {Timeout.TotalSeconds} s.");
        }
        catch (HttpRequestException exception)
        {
            return new(at, null, $"No answer: {exception.GetBaseException().Message}");
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The request, with everything that this moment's try carries.</summary>
    internal HttpRequestMessage CreateRequest(OwedCallback callback, DateTimeOffset at)
    {
        var url = new Uri(callback.Url);
        var body = Encoding.UTF8.GetBytes(callback.Body);
        var timestamp = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        Add("User-Agent", "Orchestrator");
        Add("X-Request-Timestamp", timestamp);
        Add("X-Request-Signature", CallbackSignatures.Request(callback.Secret, timestamp, body));
        Add("webhook-id", callback.Id);
        Add("webhook-timestamp", timestamp);
        Add("webhook-signature", CallbackSignatures.Standard(callback.Secret, callback.Id, timestamp, body));

        // A foreign value that no header can carry would fail every try; the trace is not worth that.
        if (callback.TraceId is { Length: > 0 and <= TraceIdLengthMax } traceId && traceId.All(c => c is > ' ' and < '\x7f')) Add("X-Trace-Id", traceId);
        if (_options.InternalAuthToken is { Length: > 0 } token && _address.IsAllowedByName(url)) Add("X-Internal-Auth", token);
        return request;

        void Add(string name, string value) => request.Headers.TryAddWithoutValidation(name, value);
    }

    private static CallbackAddressException? Refusal(Exception? exception)
    {
        while (exception is not null and not CallbackAddressException) exception = exception.InnerException;
        return (CallbackAddressException?)exception;
    }

    /// <summary>Both forms: seconds, or a time.</summary>
    private int? ReadRetryAfter(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? header?.Date - _clock.GetUtcNow();
        return wait > TimeSpan.Zero ? (int)Math.Min(Math.Ceiling(wait.Value.TotalSeconds), RetryAfterMaxSeconds) : null;
    }
}
