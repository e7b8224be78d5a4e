using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Testing.Service;
using Orchestrator.Torture.Checking;

namespace Orchestrator.Torture.Driving;

/// <summary>One service under torture, in a place of its own, with its three logs. The service may be dead at any moment; what is asked of it then is answered with "unknown".</summary>
internal sealed class TortureBed : IAsyncDisposable
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(300);

    private readonly AcknowledgementLog _words;
    private readonly List<Plan> _plans = [];
    private readonly List<TaskFacts> _seen = [];
    private readonly List<TaskSpec> _specs = [];
    private readonly Secrets _secrets;
    private readonly int _capacity;

    private TortureBed(ServicePlace place, DispatchReceiver receiver, SampleRepository repository, RunningService service, Secrets secrets, int capacity)
    {
        (Place, Receiver, Repository, Service, _secrets, _capacity) = (place, receiver, repository, service, secrets, capacity);
        _words = new(place.At("client.log"));
    }

    public ServicePlace Place { get; }

    public DispatchReceiver Receiver { get; }

    public SampleRepository Repository { get; }

    public RunningService Service { get; }

    /// <summary>All that were sent.</summary>
    public IReadOnlyList<TaskSpec> Specs => _specs;

    /// <param name="program">One of <see cref="Programs"/>.</param>
    /// <param name="capacity">Slots.</param>
    /// <param name="settings">Configuration, beside what the bed sets; null: none.</param>
    /// <param name="agentLines">The script agent; null: <see cref="TortureAgent"/>.</param>
    public static async Task<TortureBed> StartAsync(string program, int capacity, IReadOnlyDictionary<string, string>? settings = null, string? agentLines = null)
    {
        var place = new ServicePlace();
        var receiver = await DispatchReceiver.StartAsync();
        var secrets = new Secrets(receiver.Secret);
        var all = new Dictionary<string, string>(settings ?? new Dictionary<string, string>(), StringComparer.Ordinal)
        {
            ["CALLBACK_ALLOW"] = receiver.Origin,
            ["WORKER_CAPACITY"] = $"{capacity}",
            ["DISPATCH_SECRET"] = secrets.Dispatch,
            [Secrets.WithheldName] = secrets.Withheld,
            [Secrets.AgentsName] = secrets.Agents,
            ["SCRIPT_AGENT"] = ScriptAgent.Write(place, agentLines ?? TortureAgent.Lines).ProgramPath,
        };
        var repository = SampleRepository.Create(place);
        return new(place, receiver, repository, await RunningService.StartAsync(program, place, all), secrets, capacity);
    }

    /// <summary>Sends a task; one that was sent before is a repeated request.</summary>
    public async Task<Word> PostAsync(TaskSpec spec)
    {
        lock (_plans)
        {
            if (_specs.All(known => known.TaskId != spec.TaskId))
            {
                _specs.Add(spec);
                _plans.Add(spec.Plan());
            }
        }

        var (word, status) = await AskAsync(() => Service.PostTaskAsync(BodyOf(spec)), Word.Unknown, answer => answer.Status == HttpStatusCode.Accepted ? Word.Accepted : Word.Refused);
        _words.Add(word, spec.TaskId, status);
        return word;
    }

    /// <returns>The HTTP status; 0: the service died over it.</returns>
    public async Task<int> CancelAsync(string taskId)
    {
        var (word, status) = await AskAsync(() => Service.DeleteTaskAsync(taskId), Word.CancelUnknown, answer => answer.Status == HttpStatusCode.OK ? Word.Cancelled : Word.Refused);
        if (word != Word.Refused) _words.Add(word, taskId, status);
        return status;
    }

    /// <summary>Looks at everything that can be seen from outside at this moment: ended tasks, secrets in command lines and environments.</summary>
    public async Task LookAsync()
    {
        _secrets.LookAtProcesses(Place);
        if (await TryListAsync() is { } tasks) _seen.AddRange(tasks.Where(task => task.Phase == "ended"));
    }

    /// <summary>Waits until everything that was taken has ended and nothing moves, then reads what there is to judge.</summary>
    /// <param name="limit">For the end of all tasks; then a minute for what they leave.</param>
    /// <param name="startsMax">See <see cref="Evidence.StartsMax"/>.</param>
    public async Task<Evidence> SettleAsync(TimeSpan limit, int startsMax)
    {
        await UntilAsync(async () => await TryListAsync() is { } tasks && tasks.All(IsOver), limit);
        IReadOnlyList<string> leftovers = [];
        await UntilAsync(async () => (leftovers = await FindLeftoversAsync()).Count == 0, TimeSpan.FromSeconds(75));
        await LookAsync();
        _secrets.LookAtFiles(Place, Service.Log);
        var health = await Service.GetHealthAsync();
        var agents = Place.At(TortureAgent.Log);
        return new()
        {
            Plans = [.. _plans],
            Acknowledgements = _words.Read(),
            Agents = File.Exists(agents) ? [.. File.ReadLines(agents).Select(AgentLine.Parse).OfType<AgentLine>()] : [],
            Deliveries = [.. Receiver.Received.Select(callback => new Delivery(callback.TaskId, callback.Id, callback.TaskStatus, callback.Body, callback.Status))],
            Violations = Receiver.Violations,
            Seen = [.. _seen],
            Tasks = await TryListAsync() ?? [],
            Capacity = _capacity,
            Available = health.GetProperty("available").GetInt32(),
            StartsMax = startsMax,
            Leftovers = leftovers,
            Leaks = _secrets.Found,
            Reachable = ReadReachable(),
        };
    }

    public async ValueTask DisposeAsync()
    {
        await Service.DisposeAsync();
        await Receiver.DisposeAsync();
        _words.Dispose();
        Place.Dispose();
    }

    private static bool IsOver(TaskFacts task) => task.Phase == "ended";

    /// <summary>Looks now and then: whoever asks for all tasks without a pause is a load of its own. What is missing at the end is the checker's to say.</summary>
    private static async Task UntilAsync(Func<Task<bool>> condition, TimeSpan limit)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(BetweenLooks);
        while (!await condition() && TimeProvider.System.GetElapsedTime(startedAt) < limit) await timer.WaitForNextTickAsync();
    }

    /// <summary>An answer, or that there was none.</summary>
    private static async Task<(Word Word, int Status)> AskAsync(Func<Task<ServiceAnswer>> ask, Word otherwise, Func<ServiceAnswer, Word> judge)
    {
        try
        {
            var answer = await ask();
            // 500 is "outcome unknown" to a dispatcher.
            return ((int)answer.Status == 500 ? otherwise : judge(answer), (int)answer.Status);
        }
        catch (Exception exception) when (exception is HttpRequestException or TimeoutException or IOException)
        {
            return (otherwise, 0);
        }
    }

    private string BodyOf(TaskSpec spec)
    {
        var body = new JsonObject
        {
            ["taskId"] = spec.TaskId,
            ["workerType"] = "script",
            ["prompt"] = spec.Prompt,
            ["repository"] = Repository.Name,
            ["webhookUrl"] = Receiver.UrlFor(spec.TaskId),
            ["webhookSecret"] = Receiver.Secret,
        };
        if (spec.Continues is not null) body["continuationPrBranch"] = spec.Continues;
        return body.ToJsonString();
    }

    /// <summary>All that were sent and are known; null when the service does not answer.</summary>
    private async Task<IReadOnlyList<TaskFacts>?> TryListAsync()
    {
        try
        {
            var facts = new List<TaskFacts>();
            foreach (var spec in _specs.ToList())
            {
                var answer = await Service.GetAsync($"/tasks/{spec.TaskId}");
                if (answer.Status != HttpStatusCode.NotFound) facts.Add(FactsOf(answer.Json));
            }

            return facts;
        }
        catch (Exception exception) when (exception is HttpRequestException or TimeoutException or IOException or JsonException or KeyNotFoundException)
        {
            return null;
        }
    }

    private static TaskFacts FactsOf(JsonElement task)
    {
        var (result, error) = (task.GetProperty("result"), task.GetProperty("error"));
        var isOwed = task.GetProperty("callbacks").EnumerateArray().Any(callback => callback.GetProperty("state").GetString() == "owed");
        var phase = task.GetProperty("phase").GetString()!;
        return new(
            task.GetProperty("taskId").GetString()!, task.GetProperty("status").GetString()!, phase == "ended" && isOwed ? "owing" : phase,
            error.ValueKind == JsonValueKind.Object ? error.GetProperty("code").GetString() : null, task.GetProperty("attempts").GetArrayLength(),
            result.ValueKind == JsonValueKind.Object ? result.GetRawText() : null);
    }

    private async Task<IReadOnlyList<string>> FindLeftoversAsync()
    {
        var left = new List<string>();
        left.AddRange(Place.SessionHosts().Select(pid => $"session host {pid}"));
        left.AddRange(Place.SessionProcesses().Select(pid => $"process {pid} of a session ({MachineProcess.CommandLineOf(pid).Replace('\0', ' ')})"));
        left.AddRange(Place.TerminalSockets().Select(path => $"socket {Path.GetRelativePath(Place.Home, path)}"));
        if (Directory.Exists(Path.Combine(Place.Home, "repositories")))
        {
            left.AddRange(Directory.EnumerateFiles(Path.Combine(Place.Home, "repositories"), "*.lock", SearchOption.AllDirectories).Select(path => $"git's lock {Path.GetRelativePath(Place.Home, path)}"));
        }

        try
        {
            var health = await Service.GetHealthAsync();
            if (health.GetProperty("running").GetInt32() is var running and > 0) left.Add($"{running} slots");
        }
        catch (HttpRequestException)
        {
            left.Add("a service that does not answer");
        }

        return left;
    }

    private HashSet<string> ReadReachable()
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        var mirrors = Path.Combine(Place.Home, "repositories");
        if (!Directory.Exists(mirrors)) return found;
        foreach (var mirror in Directory.EnumerateDirectories(mirrors, "*.git", SearchOption.AllDirectories))
            found.UnionWith(Tool.Run("git", "--git-dir", mirror, "rev-list", "--all").Split('\n'));
        return found;
    }
}
