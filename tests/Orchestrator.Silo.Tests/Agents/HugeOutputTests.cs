using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.Agents.Output;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>Output of the size that the session host keeps, and beyond.</summary>
public sealed class HugeOutputTests : IDisposable
{
    private const string Result = """{"is_error":false,"result":"Done.","type":"result"}""";

    private readonly LaunchBench _bench = new();

    [Theory]
    [InlineData("auto")]
    [InlineData("script")]
    public void The_end_of_64_MiB_of_output_is_found(string workerType)
    {
        var bulk = Line("""{"type":"user","message":{"content":"x"},"padding":"%"}""".Replace("%", new string('x', 1000), StringComparison.Ordinal));
        Write(file =>
        {
            while (file.Length < 64 * 1024 * 1024) file.Write(bulk);
            file.Write(Line(Result));
        });

        var report = _bench.Table().ReadReport(workerType, _bench.Folder, null);

        Assert.EndsWith(workerType == "auto" ? "Done." : Result, report.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_beyond_the_limit_is_passed_by_and_the_next_one_is_read()
    {
        Write(file =>
        {
            file.Write(Line(new string('y', 50 * 1024 * 1024)));
            file.Write(Line(Result));
        });

        Assert.Equal(["result"], SessionEventLines.Read(_bench.Folder).Select(line => line.Text.Contains("result", StringComparison.Ordinal) ? "result" : "other"));
    }

    [Fact]
    public void A_line_at_the_session_hosts_limit_is_read_whatever_JSON_makes_of_it()
    {
        Write(file => file.Write(Line(new string('\u0001', 1024 * 1024))));

        Assert.Equal(1024 * 1024, Assert.Single(SessionEventLines.Read(_bench.Folder)).Text.Length);
    }

    [Fact]
    public void Lines_that_lie_across_pieces_of_the_file_are_whole()
    {
        var lengths = Enumerable.Range(0, 300).Select(each => each * 37 % 3000 * (each % 50 == 0 ? 40 : 1)).ToList();
        Write(file =>
        {
            foreach (var length in lengths) file.Write(Line(new string('z', length)));
        });

        Assert.Equal(lengths, SessionEventLines.Read(_bench.Folder).Select(line => line.Text.Length));
    }

    [Fact]
    public void Without_a_file_there_is_no_output()
    {
        var report = _bench.Table().ReadReport("auto", _bench.Folder, null);

        Assert.Equal((false, false, false), (report.HasOutput, report.HasResult, report.IsError));
    }

    public void Dispose() => _bench.Dispose();

    private static byte[] Line(string text) =>
        Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new() { Number = 1, At = 0, Source = "out", Text = text }, SessionJsonContext.Default.SessionEvent) + "\n");

    private void Write(Action<FileStream> write)
    {
        using var file = File.Create(Path.Combine(_bench.Folder, SessionFiles.Events));
        write(file);
    }
}
