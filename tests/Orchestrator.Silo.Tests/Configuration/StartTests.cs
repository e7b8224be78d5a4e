using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Hosting;
using Orchestrator.Silo.Tests.Http;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Configuration;

/// <summary>One service for one home, and what a start that fails says.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task A_second_service_is_told_pid_and_port_of_the_first()
    {
        using var scratch = new ScratchFolder();
        await using (var first = await ServiceUnderTest.StartAsync(scratch.At("home")))
        {
            var exception = await Assert.ThrowsAsync<StartException>(() => ServiceUnderTest.StartAsync(scratch.At("home")));
            Assert.Contains($"pid {Environment.ProcessId}", exception.Message, StringComparison.Ordinal);
            Assert.Contains($"port {first.App.Url.Port}", exception.Message, StringComparison.Ordinal);
            Assert.Equal(200, (int)(await first.SendAsync(HttpMethod.Get, "/health")).StatusCode);

            using var record = JsonDocument.Parse(await File.ReadAllBytesAsync(scratch.At("home", "service.json")));
            Assert.Equal(["pid", "port", "startedAt", "url"], record.RootElement.EnumerateObject().Select(member => member.Name).Order());
            Assert.Equal(first.App.Url.Port, record.RootElement.GetProperty("port").GetInt32());
        }

        // Let go, it can be had again.
        await using var second = await ServiceUnderTest.StartAsync(scratch.At("home"));
    }

    [Fact]
    public async Task The_home_is_for_this_user_alone()
    {
        if (OperatingSystem.IsWindows()) return;
        using var scratch = new ScratchFolder();
        Directory.CreateDirectory(scratch.At("home"), (UnixFileMode)0b111_101_101);
        await using var service = await ServiceUnderTest.StartAsync(scratch.At("home"));
        Assert.Equal((UnixFileMode)0b111_000_000, File.GetUnixFileMode(scratch.At("home")));
        foreach (var file in new[] { "orchestrator.db", "orchestrator.db-wal", "lock", "service.json" })
            Assert.Equal((UnixFileMode)0b110_000_000, File.GetUnixFileMode(scratch.At("home", file)));
    }

    [Fact]
    public async Task A_port_in_use_is_named_with_what_to_do()
    {
        using var scratch = new ScratchFolder();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var (exitCode, _, error) = await RunAsync(scratch, "s", "--PORT", $"{port}");
        Assert.Equal(1, exitCode);
        Assert.StartsWith($"Orchestrator does not start: Port {port} at 127.0.0.1 is in use.", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task An_address_of_another_machine_is_named_with_what_to_do()
    {
        using var scratch = new ScratchFolder();
        var (exitCode, _, error) = await RunAsync(scratch, "s", "--PORT", "0", "--BIND", "192.0.2.1");
        Assert.Equal(1, exitCode);
        Assert.StartsWith("Orchestrator does not start: BIND=192.0.2.1 is no address of this machine.", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Theory]
    [InlineData(SocketError.AccessDenied, "Set PORT to 1024 or more")]
    [InlineData(SocketError.AddressNotAvailable, "is no address of this machine")]
    [InlineData(SocketError.TooManyOpenSockets, "Set BIND and PORT")]
    public void What_keeps_the_service_from_listening_is_said_with_what_to_do(SocketError error, string expected) =>
        Assert.Contains(expected, BindFaults.Explain(new((int)error), new() { Port = 80 }), StringComparison.Ordinal);

    [Fact]
    public async Task A_secret_on_the_command_line_ends_the_program_with_one_line()
    {
        using var scratch = new ScratchFolder();
        var (exitCode, _, error) = await RunAsync(scratch, null, "--DISPATCH_SECRET", "s3cret");
        Assert.Equal(1, exitCode);
        Assert.StartsWith("Orchestrator does not start: DISPATCH_SECRET may hold a secret", error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_service_that_still_starts_on_any_free_port_says_no_port()
    {
        using var scratch = new ScratchFolder();
        var during = new DuringStart(scratch.At("home"));
        await using var first = await ServiceUnderTest.StartAsync(scratch.At("home"), overrides: services => services.AddSingleton<IHostedService>(during));
        Assert.Equal(["pid", "startedAt"], during.Members.Order());
        Assert.Contains($"pid {Environment.ProcessId}, still starting", during.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_secret_the_program_ends_with_one_line()
    {
        using var scratch = new ScratchFolder();
        var (exitCode, output, error) = await RunAsync(scratch);
        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.StartsWith("Orchestrator does not start: DISPATCH_SECRET is not set", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_database_that_is_none_is_left_as_it_is()
    {
        using var scratch = new ScratchFolder();
        Directory.CreateDirectory(scratch.At("home"));
        await File.WriteAllTextAsync(scratch.At("home", "orchestrator.db"), new string('x', 5000));
        await using (var service = await ServiceUnderTest.StartAsync(scratch.At("home")))
        {
            var health = await (await service.SendAsync(HttpMethod.Get, "/health")).JsonAsync();
            HealthShape.Check(health, GoldenRequestTests.AcceptedHealth);
            Assert.Equal("degraded", health.GetProperty("status").GetString());
            await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody())).ProblemAsync(503, "Database corrupt");
            await (await service.SendAsync(HttpMethod.Get, "/nowhere")).ProblemAsync(503, "Database corrupt");
        }

        Assert.Equal(new string('x', 5000), await File.ReadAllTextAsync(scratch.At("home", "orchestrator.db")));
    }

    /// <summary>Looks while the service starts: what its file says, and what a second service is told.</summary>
    private sealed class DuringStart(string home) : IHostedService
    {
        public IReadOnlyList<string> Members { get; private set; } = [];

        public string Refusal { get; private set; } = "";

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            using var record = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(home, "service.json"), cancellationToken));
            Members = [.. record.RootElement.EnumerateObject().Select(member => member.Name)];
            Refusal = Assert.Throws<StartException>(() => HomeLock.Take(new(home))).Message;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(ScratchFolder scratch, string? secret = null, params string[] args)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "Orchestrator.Silo.dll"), "--ORCHESTRATOR_HOME", scratch.At("home"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("DISPATCH_SECRET");
        if (secret is not null) start.Environment["DISPATCH_SECRET"] = secret;
        using var process = Process.Start(start)!;
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync().Within("the program ends");
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }
}
