using Orleans.Runtime;

namespace Orchestrator.Silo.Http;

/// <summary>The outermost: whatever ends badly further in, and whatever the framework refuses, becomes a problem. What went wrong inside goes to the log alone.</summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return; // Nobody waits for the answer.
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            var problem = ToProblem(exception);
            if (problem.Status >= 500) LogFailed(log, exception, context.Request.Method, context.Request.Path);
            context.Response.Clear();
            await problem.WriteAsync(context);
            return;
        }

        var response = context.Response;
        if (response.StatusCode >= 400 && !response.HasStarted && response.ContentType is null && response.ContentLength is null or 0)
            await Problems.ForStatus(response.StatusCode).WriteAsync(context);
    }

    private static ProblemResult ToProblem(Exception exception) => exception switch
    {
        BadHttpRequestException bad => Problems.ForStatus(bad.StatusCode),
        SiloUnavailableException => Problems.ShuttingDown(),

        // The database's own errors: nothing was stored. To a dispatcher 503 says "not taken", and 500 "nobody knows".
        OrleansException => Problems.DatabaseNotWritable(),
        _ => Problems.Internal(),
    };

    [LoggerMessage(101, LogLevel.Error, "{Method} {Path} failed.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, PathString path);
}
