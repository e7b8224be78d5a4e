using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orchestrator.Testing.Service;

/// <summary>A whole service at work: its place, one repository, a script as agent, a receiver of callbacks.</summary>
public sealed class ServiceBed : IAsyncDisposable
{
    private ServiceBed(ServicePlace place, DispatchReceiver receiver, SampleRepository repository, ScriptAgent agent, RunningService service) =>
        (Place, Receiver, Repository, Agent, Service) = (place, receiver, repository, agent, service);

    public ServicePlace Place { get; }

    public DispatchReceiver Receiver { get; }

    public SampleRepository Repository { get; }

    public ScriptAgent Agent { get; }

    public RunningService Service { get; }

    /// <summary>Starts everything.</summary>
    /// <param name="program">The built <c>Orchestrator.Silo</c>.</param>
    /// <param name="agentLines">The script agent; null: <see cref="ScriptAgent.Commits"/>.</param>
    /// <param name="settings">Configuration, beside what the bed sets; null: none.</param>
    /// <param name="files">How many files the repository has.</param>
    /// <param name="prepare">Called before the service starts; null: nothing.</param>
    public static async Task<ServiceBed> StartAsync(
        string program, string? agentLines = null, IReadOnlyDictionary<string, string>? settings = null, int files = 3, Action<ServicePlace>? prepare = null)
    {
        var place = new ServicePlace();
        DispatchReceiver? receiver = null;
        try
        {
            receiver = await DispatchReceiver.StartAsync();
            var repository = SampleRepository.Create(place, files: files);
            var agent = ScriptAgent.Write(place, agentLines ?? ScriptAgent.Commits);
            prepare?.Invoke(place);
            var all = new Dictionary<string, string>(settings ?? new Dictionary<string, string>(), StringComparer.Ordinal) { ["CALLBACK_ALLOW"] = receiver.Origin };
            all.TryAdd("SCRIPT_AGENT", agent.ProgramPath);
            return new(place, receiver, repository, agent, await RunningService.StartAsync(program, place, all));
        }
        catch
        {
            if (receiver is not null) await receiver.DisposeAsync();
            place.Dispose();
            throw;
        }
    }

    /// <summary>A request's body, with members changed or added; a null one is left out.</summary>
    public string Body(string taskId, string prompt = "Make it so", params IReadOnlyList<(string Name, JsonNode? Value)> members)
    {
        var body = new JsonObject
        {
            ["taskId"] = taskId,
            ["workerType"] = "script",
            ["prompt"] = prompt,
            ["repository"] = Repository.Name,
            ["webhookUrl"] = Receiver.UrlFor(taskId),
            ["webhookSecret"] = Receiver.Secret,
        };
        foreach (var (name, value) in members)
        {
            if (value is null) body.Remove(name);
            else body[name] = value;
        }

        return body.ToJsonString();
    }

    /// <summary>Sends a task that must be accepted.</summary>
    public async Task SubmitAsync(string taskId, string prompt = "Make it so", params IReadOnlyList<(string Name, JsonNode? Value)> members)
    {
        var answer = await Service.PostTaskAsync(Body(taskId, prompt, members));
        if (answer.Status != HttpStatusCode.Accepted) throw new InvalidOperationException($"POST /tasks for {taskId}: {(int)answer.Status} {answer.Body}\n{Service.Program.Tail}");
    }

    /// <summary>Sends a task that must be accepted, and waits until it has ended and its callback is delivered.</summary>
    public async Task<JsonElement> RunAsync(string taskId, string prompt = "Make it so", params IReadOnlyList<(string Name, JsonNode? Value)> members)
    {
        await SubmitAsync(taskId, prompt, members);
        return await Service.WaitForEndAsync(taskId);
    }

    /// <summary>Waits for a file that an agent writes, and reads it once it is there whole: agents write it aside and rename it.</summary>
    public Task<string> WaitForFileAsync(string path) => Eventually.FoundAsync(
        async () => File.Exists(path) ? await File.ReadAllTextAsync(path) : null,
        () => Task.FromResult($"the file {path}. The service's log:\n{Service.Program.Tail}"));

    /// <summary>Git on the mirror that the service keeps.</summary>
    public string Mirror(params IReadOnlyList<string> arguments) =>
        Tool.Run("git", ["--git-dir", Path.Combine(Place.Home, "repositories", Repository.Name + ".git"), .. arguments]);

    public async ValueTask DisposeAsync()
    {
        await Service.DisposeAsync();
        await Receiver.DisposeAsync();
        Place.Dispose();
    }
}
