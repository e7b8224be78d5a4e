using Microsoft.Extensions.Options;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Http;

namespace Orchestrator.Silo.Access;

/// <summary>
/// Lets a request through to its route, or not. Runs after routing and before anything is parsed. Signature headers are checked wherever they are, so that a
/// wrong one is noticed on an open route too; only a route for everybody answers whatever is sent along.
/// </summary>
internal sealed partial class AccessMiddleware(
    RequestDelegate next, DispatchSignature signature, IOptions<AccessOptions> access, ILogger<AccessMiddleware> log)
{
    private int _hasWarned;

    public async Task InvokeAsync(HttpContext context)
    {
        // No rule: no route (404), or another method (405), which tell nothing and do nothing.
        if (context.GetEndpoint()?.Metadata.GetMetadata<AccessRule>() is not { } rule)
        {
            await next(context);
            return;
        }

        if (await CheckAsync(context, rule) is { } problem)
        {
            if (problem.Status == StatusCodes.Status401Unauthorized) WarnOfTunnel(context, rule);

            // What is left of the body is not worth reading.
            await problem.WriteAsync(context);
            return;
        }

        await next(context);
    }

    private async ValueTask<ProblemResult?> CheckAsync(HttpContext context, AccessRule rule)
    {
        var headers = SignatureHeaders.Read(context.Request.Headers);
        var mustVerify = rule.Policy != AccessPolicy.None && (headers.IsAny || MustSign(context, rule.Policy));
        if (mustVerify && signature.CheckHeaders(headers) is var early and not SignatureResult.Valid) return Problems.Unauthorized(early);

        if (!rule.TakesBody && await RequestBody.IsThereAsync(context)) return Problems.UnexpectedBody();
        var body = rule.TakesBody ? await RequestBody.ReadAsync(context) : default;
        if (mustVerify && await signature.VerifyAsync(headers, body) is var result and not SignatureResult.Valid) return Problems.Unauthorized(result);

        if (rule.TakesBody) context.Features.Set(new RequestBody(body));
        return null;
    }

    private bool MustSign(HttpContext context, AccessPolicy policy) => policy switch
    {
        AccessPolicy.None => false,
        AccessPolicy.Open => access.Value.Mode switch
        {
            AccessMode.Open => false,
            AccessMode.Local => !LocalCaller.Is(context),
            _ => true,
        },
        _ => true,
    };

    /// <summary>An existing dispatcher cancels through Cloudflare's tunnel without a signature: unnoticed, its agents would go on and cost money.</summary>
    private void WarnOfTunnel(HttpContext context, AccessRule rule)
    {
        if (rule.Policy != AccessPolicy.Open || access.Value.Mode == AccessMode.Open || !LocalCaller.HasCloudflareSigns(context.Request.Headers)) return;
        if (Interlocked.Exchange(ref _hasWarned, 1) == 0) LogTunnelRefused(log, context.Request.Method, context.Request.Path, access.Value.Mode.ToString().ToLowerInvariant());
    }

    [LoggerMessage(100, LogLevel.Warning, "{Method} {Path} came through Cloudflare without a valid signature; with ACCESS={Mode} that is refused (401). A dispatcher that cancels this way "
        + "cannot stop its agents. Set ACCESS=open when Cloudflare Access decides who comes in (the checked way, CF_ACCESS_TEAM_DOMAIN and CF_ACCESS_AUD, is not built yet). Said once.")]
    private static partial void LogTunnelRefused(ILogger logger, string method, PathString path, string mode);
}
