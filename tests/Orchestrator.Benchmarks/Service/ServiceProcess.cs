using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Orchestrator.Benchmarks.Service;

/// <summary>The real service as a process of its own, on a home of its own. Ending it leaves its sessions running; <see cref="SessionsOf"/> ends those.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    public const string Secret = "bench-secret-0123456789abcdef";
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60), Look = TimeSpan.FromMilliseconds(4);

    private readonly Process _process;

    private ServiceProcess(Process process, Uri url, TimeSpan startTime) => (_process, Url, StartTime) = (process, url, startTime);

    public Uri Url { get; }

    /// <summary>From the process's start to the first <c>/health</c> that says "ready".</summary>
    public TimeSpan StartTime { get; }

    /// <summary>MiB that the process holds of the machine's memory.</summary>
    public double MemoryMegabytes => MemoryOf(_process.Id);

    /// <summary>Processor time that it has used so far: says more than the clock where the machine is busy with other things.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    private static string Binary => Path.Combine(Repository.Root, "Orchestrator.Silo", "bin", "Release", "net10.0", "Orchestrator.Silo");

    public static double MemoryOf(int pid)
    {
        using var process = Process.GetProcessById(pid);
        return process.WorkingSet64 / 1048576.0;
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="home">Its <c>ORCHESTRATOR_HOME</c>.</param>
    /// <param name="settings">Name and value.</param>
    public static async Task<ServiceProcess> StartAsync(string home, params (string Name, string Value)[] settings)
    {
        var url = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo(Binary) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ORCHESTRATOR_HOME"] = home;
        start.Environment["DISPATCH_SECRET"] = Secret;
        start.Environment["PORT"] = url.Port.ToString(CultureInfo.InvariantCulture);
        start.Environment["ORCHESTRATOR_LOG_LEVEL"] = "warning";
        foreach (var (name, value) in settings) start.Environment[name] = value;
        var watch = Stopwatch.StartNew();
        var process = Process.Start(start) ?? throw new InvalidOperationException("No process was started.");
        var log = Drain(process, Path.Combine(Path.GetDirectoryName(home)!, Path.GetFileName(home) + ".log"));
        try
        {
            await UntilReadyAsync(process, url, watch);
            return new(process, url, watch.Elapsed);
        }
        catch
        {
            if (!process.HasExited) process.Kill();
            await log;
            process.Dispose();
            throw;
        }
    }

    /// <summary>Stops it as Ctrl-C does.</summary>
    public async ValueTask DisposeAsync()
    {
        await Programs.RunAsync("kill", "-TERM", _process.Id.ToString(CultureInfo.InvariantCulture));
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static async Task UntilReadyAsync(Process process, Uri url, Stopwatch watch)
    {
        // The address of a port that nobody listens at yet refuses at once, so that looking costs little.
        using var client = new HttpClient { BaseAddress = url };
        while (true)
        {
            if (process.HasExited) throw new InvalidOperationException($"The service ended with exit code {process.ExitCode} instead of starting; its log is beside its home.");
            if (watch.Elapsed > StartPatience) throw new TimeoutException("The service did not get ready.");
            try
            {
                using var health = JsonDocument.Parse(await client.GetStringAsync(new Uri("/health", UriKind.Relative)));
                if (health.RootElement.GetProperty("status").GetString() == "ready") return;
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }

            await Task.Delay(Look, TimeProvider.System);
        }
    }

    private static Task Drain(Process process, string path) => Task.WhenAll(DrainAsync(process.StandardOutput, path), DrainAsync(process.StandardError, path + ".err"));

    private static async Task DrainAsync(StreamReader from, string path)
    {
        await using var to = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        await from.BaseStream.CopyToAsync(to);
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
