using Orchestrator.Testing.Service;
using Orchestrator.Torture.Driving;

namespace Orchestrator.Torture;

/// <summary>Keeps what tells how something came about, when <c>TORTURE_KEEP</c> names a folder for it.</summary>
internal static class Keep
{
    public static void Logs(TortureBed bed, string name, TortureReport report)
    {
        if (Environment.GetEnvironmentVariable("TORTURE_KEEP") is not { Length: > 0 } root) return;
        var folder = Path.Combine(root, $"{name}-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        File.WriteAllLines(Path.Combine(folder, "service.log"), bed.Service.Log);
        foreach (var log in (string[])["client.log", TortureAgent.Log, "trace.log"])
            if (File.Exists(bed.Place.At(log))) File.Copy(bed.Place.At(log), Path.Combine(folder, log), overwrite: true);
        File.WriteAllLines(Path.Combine(folder, "receiver.log"), bed.Receiver.Received.Select(callback => $"{callback.ReceivedAt:O} {callback.Id} {callback.Status} {callback.Body}").Concat(bed.Receiver.Violations));
        if (Tool.TryRun("tar", "-czf", Path.Combine(folder, "home.tgz"), "--exclude=repositories", "--exclude=s", "-C", bed.Place.Root, "h").ExitCode != 0) report.Say($"The home was not kept whole in {folder}.");
        report.Say($"Logs are kept in {folder}.");
    }
}
