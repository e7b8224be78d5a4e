namespace Orchestrator.Benchmarks.Service;

/// <summary>Takes every callback, so that no task owes one for long.</summary>
internal sealed class CallbackSink : IAsyncDisposable
{
    private readonly WebApplication _web;

    private CallbackSink(WebApplication web) => _web = web;

    public string Origin => _web.Urls.First();

    public string Url => Origin + "/task-complete";

    public static async Task<CallbackSink> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var web = builder.Build();
        web.Urls.Add("http://127.0.0.1:0");
        web.MapPost("/task-complete", () => Results.Ok());
        await web.StartAsync();
        return new(web);
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();
}
