using System.Diagnostics;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>The session host alone: from its exec to its child's first instruction, and its memory while the child runs.</summary>
internal static class SessionHostBenchmark
{
    private const int StartsInRound = 7;
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(300);

    public static async Task RunAsync(Report report, int rounds, ServicePlace place, FirstInstructions agents)
    {
        var (times, memory) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            var (ofRound, bytesOfRound) = (new List<double>(), new List<double>());
            for (var i = 0; i < StartsInRound; i++)
            {
                var (seconds, megabytes) = await StartAsync(place.At("hosts", $"{round}.{i}"), $"host-{round}-{i}", agents);
                ofRound.Add(seconds * 1000);
                bytesOfRound.Add(megabytes);
            }

            if (round == 0) continue;
            times.Add(new Measurement(ofRound).Median);
            memory.Add(bytesOfRound.Max());
        }

        report.Add("session host: exec to its child's first instruction, p50", $"{new Measurement(times).Text("0")} ms", "≤ 120 ms");
        report.Add("session host: RSS while its child runs, largest", $"{new Measurement(memory).Text("0")} MiB", "≤ 50 MB");
    }

    private static async Task<(double Seconds, double Megabytes)> StartAsync(string session, string name, FirstInstructions agents)
    {
        Directory.CreateDirectory(Path.Combine(session, SessionFiles.Inbox));
        await File.WriteAllTextAsync(Path.Combine(session, SessionFiles.Prompt), "Work.");
        var launch = new SessionLaunch
        {
            TaskId = name,
            Run = 1,
            Attempt = 1,
            Arguments = [agents.Program],
            WorkingDirectory = session,
            Input = SessionInput.Text,
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["TASK_ID"] = name },
        };
        await File.WriteAllBytesAsync(Path.Combine(session, SessionFiles.Launch), JsonSerializer.SerializeToUtf8Bytes(launch, SessionJsonContext.Default.SessionLaunch));
        var beginAt = FirstInstructions.Now;
        using var host = Process.Start(new ProcessStartInfo(Built.SessionHost, [session]) { RedirectStandardOutput = true, RedirectStandardError = true }) ?? throw new InvalidOperationException("No host was started.");
        var output = Task.WhenAll(host.StandardOutput.ReadToEndAsync(), host.StandardError.ReadToEndAsync());
        var seconds = await agents.WaitAsync(name) - beginAt;
        await Task.Delay(Settle, TimeProvider.System);
        var megabytes = ServiceMeasures.MemoryOf(host.Id);
        MachineProcess.Terminate(host.Id);
        await host.WaitForExitAsync();
        await output;
        return (seconds, megabytes);
    }
}
