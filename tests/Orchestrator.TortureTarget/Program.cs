using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Hosting;
using Orchestrator.TortureTarget;

if (args is ["--list"])
{
    foreach (var name in FailPointNames.All) Console.WriteLine(name);
    return 0;
}

try
{
    var points = FailPoints.FromEnvironment();
    await using var service = OrchestratorApplication.Create(args, services =>
    {
        FailingPorts.AddTo(services, points);
        FaultyStorage.AddTo(services);
        TestSettings.AddTo(services);
    });
    await service.RunAsync();
    return 0;
}
catch (StartException exception)
{
    await Console.Error.WriteLineAsync($"Orchestrator does not start: {exception.Message}");
    return 1;
}
