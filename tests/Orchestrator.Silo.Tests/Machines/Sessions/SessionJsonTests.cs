using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.SessionHost;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

/// <summary>The session host reads by hand what the service writes with System.Text.Json, which is the measure here.</summary>
public sealed class SessionJsonTests
{
    [Fact]
    public void What_the_service_writes_is_what_the_host_reads()
    {
        var random = new Random(4711);
        for (var i = 0; i < 2_000; i++)
        {
            var launch = new SessionLaunch
            {
                TaskId = Text(random),
                Run = random.Next(1, int.MaxValue),
                Attempt = random.Next(1, 9),
                Arguments = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => Text(random))],
                WorkingDirectory = Text(random),
                Environment = Enumerable.Range(0, random.Next(5)).ToDictionary(number => number + Text(random), _ => Text(random)),
                Input = (SessionInput)random.Next(1, 3),
                SetupScript = random.Next(2) == 0 ? null : Text(random),
                SetupTimeoutSeconds = random.Next(1, 9_999),
                LineBytesMax = random.Next(1, int.MaxValue),
                OutputBytesMax = random.NextInt64(1, long.MaxValue),
            };
            var read = SessionJson.ReadLaunch(JsonSerializer.SerializeToUtf8Bytes(launch, SessionJsonContext.Default.SessionLaunch));
            Assert.Equal(JsonSerializer.Serialize(launch, SessionJsonContext.Default.SessionLaunch), JsonSerializer.Serialize(read, SessionJsonContext.Default.SessionLaunch));
        }
    }

    [Fact]
    public void Members_that_a_later_release_adds_are_read_past()
    {
        var launch = SessionJson.ReadLaunch(Bytes(
            """ { "new" : [ { "a": [ null, true, -1.5e+3 ] }, "\u0022" ], "taskId":"t", "run":1,"attempt":2,"arguments":["a"],"workingDirectory":"/","environment":{},"input":1,"setupScript":null } """));
        Assert.Equal(("t", 2, null, 600), (launch.TaskId, launch.Attempt, launch.SetupScript, launch.SetupTimeoutSeconds));
    }

    [Theory]
    [InlineData("", "'{'")]
    [InlineData("{}", "taskId")]
    [InlineData("""{"taskId":1}""", "'\"'")]
    [InlineData("""{"taskId":"t","run":1.5}""", "whole number")]
    [InlineData("""{"taskId":"t","run":9223372036854775808}""", "64 bits")]
    [InlineData("""{"taskId":"t","run":1,"attempt":1,"arguments":[],"workingDirectory":"/","environment":{},"input":1}""", "program")]
    [InlineData("""{"taskId":"t","run":1,"attempt":1,"arguments":["a"],"workingDirectory":"/","environment":{},"input":1} x""", "the end")]
    [InlineData("""{"taskId":"t","run":0,"attempt":1,"arguments":["a"],"workingDirectory":"/","environment":{},"input":1}""", "run")]
    public void What_is_no_launch_is_refused_with_the_reason(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => SessionJson.ReadLaunch(Bytes(json))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    [InlineData("-0", 0)]
    [InlineData(" 10 ", 10)]
    public void Whole_numbers_of_64_bits_are_read(string json, long expected)
    {
        var cursor = new JsonCursor(Bytes(json));
        Assert.Equal(expected, cursor.Number());
        cursor.End();
    }

    [Fact]
    public void A_stop_is_read_with_or_without_its_time()
    {
        Assert.Equal(new SessionStop { Reason = "a \"b\"", GraceSeconds = 3 }, SessionJson.ReadStop(Bytes("""{"reason":"a \"b\"","graceSeconds":3}""")));
        Assert.Equal(new SessionStop { Reason = "" }, SessionJson.ReadStop(Bytes("{}")));
    }

    private static byte[] Bytes(string json) => Encoding.UTF8.GetBytes(json);

    private static string Text(Random random)
    {
        string[] parts = ["a", "/bin/", "\"", "\\", "\n", "\t", "\0", "\u001b[0m", "é", "漢", "😀", "\u2028", "$(id)", "'", "</script>", "\u007f", " "];
        return string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => parts[random.Next(parts.Length)]));
    }
}
