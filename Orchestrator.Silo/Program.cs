using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Hosting;

try
{
    CommandLineSecrets.Refuse(args);
    await using var service = OrchestratorApplication.Create(args);
    await service.RunAsync();
    return 0;
}
catch (StartException exception)
{
    await Console.Error.WriteLineAsync($"Orchestrator does not start: {exception.Message}");
    return 1;
}
