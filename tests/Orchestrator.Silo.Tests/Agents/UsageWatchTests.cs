using System.Text.Json;
using Orchestrator.Silo.Agents.Output;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>What is read of an agent's results while it runs.</summary>
public sealed class UsageWatchTests : IDisposable
{
    private readonly ScratchFolder _folder = new();
    private int _number;

    private string Events => Path.Combine(_folder.Root, "events.jsonl");

    [Fact]
    public void Results_are_added_up_as_they_come_also_when_a_line_comes_in_parts()
    {
        var watch = new UsageWatch(Events);
        Assert.Null(watch.Read());
        Append(Line("out", """{"type":"assistant","message":{"id":"m","usage":{"output_tokens":5}}}""") + Line("err", Result(9, 9)));
        Assert.Null(watch.Read());
        Append(Line("out", Result(0.25, 2)));
        Assert.Equal((0.25, 2), (watch.Read()!.CostUsd, watch.Read()!.Turns));
        var next = Line("out", Result(0.5, 3));
        Append(next[..40]);
        Assert.Equal(0.25, watch.Read()!.CostUsd);
        Append(next[40..] + "not json \\\"result\\\" at all\n" + Line("out", "\"result\" without braces") + Line("out", "{\"type\":\"user\",\"x\":\"result\"}"));
        Assert.Equal((0.75, 5), (watch.Read()!.CostUsd, watch.Read()!.Turns));
        Assert.Equal(0.75, new UsageWatch(Events).Read()!.CostUsd);
    }

    [Fact]
    public void A_total_that_goes_on_over_results_is_not_added_to_itself()
    {
        var watch = new UsageWatch(Events);
        foreach (var total in (double[])[0.5, 0.8]) Append(Line("out", $$"""{"type":"result","is_error":false,"num_turns":1,"total_cost_usd":{{total.ToString(System.Globalization.CultureInfo.InvariantCulture)}},"usage":{ } }"""));
        Assert.Equal((0.8, 2), (watch.Read()!.CostUsd, watch.Read()!.Turns));
    }

    public void Dispose() => _folder.Dispose();

    private static string Result(double cost, int turns)
    {
        var usage = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"\"num_turns\":{turns},\"total_cost_usd\":99,\"model_usage_since_last_result\":{{\"m\":{{\"costUSD\":{cost}}}}}");
        return "{\"is_error\":false," + usage + ",\"type\":\"result\"}";
    }

    private string Line(string source, string text) => $$"""{"n":{{++_number}},"at":1767268800000,"s":"{{source}}","t":{{JsonSerializer.Serialize(text, JsonSerializerOptions.Default).Replace("\\u0022", "\\\"", StringComparison.Ordinal)}}}""" + "\n";

    private void Append(string text) => File.AppendAllText(Events, text);
}
