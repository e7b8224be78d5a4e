using System.Globalization;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>
/// A program that stands for an agent: its first instruction is to read the clock (bash 5's <c>EPOCHREALTIME</c>, which starts no program), its second to write what it read; then
/// it waits until it is ended.
/// </summary>
internal sealed class FirstInstructions
{
    private const int TextMin = 17; // Ten digits, a point, six digits.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), Look = TimeSpan.FromMilliseconds(2);

    public FirstInstructions(ServicePlace place)
    {
        Folder = place.At("starts");
        Directory.CreateDirectory(Folder);
        Program = place.At("agent.sh");
        File.WriteAllText(Program, $"#!/bin/bash\nprintf '%s' \"$EPOCHREALTIME\" >\"{Folder}/${{TASK_ID:-$1}}\"\nexec sleep 3600\n");
        File.SetUnixFileMode(Program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Takes its name from <c>TASK_ID</c>, else from its argument.</summary>
    public string Program { get; }

    /// <summary>One file for each that has started, by its name.</summary>
    public string Folder { get; }

    /// <summary>Seconds since 1970, now.</summary>
    public static double Now => Seconds(TimeProvider.System.GetUtcNow());

    public static double Parse(string text) => double.Parse(text.Replace(',', '.'), CultureInfo.InvariantCulture);

    /// <summary>When it started, in seconds since 1970; waits for it.</summary>
    public async Task<double> WaitAsync(string name)
    {
        var path = Path.Combine(Folder, name);
        var begin = Now;
        while (true)
        {
            if (File.Exists(path) && await File.ReadAllTextAsync(path) is { Length: >= TextMin } text) return Parse(text);
            if (Now - begin > Patience.TotalSeconds) throw new TimeoutException($"The agent {name} did not start.");
            await Task.Delay(Look, TimeProvider.System);
        }
    }

    private static double Seconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).TotalSeconds;
}
