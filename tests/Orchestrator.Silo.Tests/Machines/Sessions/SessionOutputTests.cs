using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

public sealed class SessionOutputTests : IDisposable
{
    private readonly HostedSession _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public async Task A_gigabyte_of_output_is_counted_and_does_not_fill_the_disk()
    {
        const long All = 1_000_000_000;
        var exit = await _session.Launch($"yes 'a line of forty bytes, more or less.....' | head -c {All}; exit 0", change: launch => launch with { OutputBytesMax = 4 * 1024 * 1024 }).RunAsync();
        Assert.Equal(0, exit.ExitCode);
        var size = new FileInfo(_session.At(SessionFiles.Events)).Length;
        Assert.InRange(size, 4 * 1024 * 1024 - 1000, 4 * 1024 * 1024 + 10_000);
        var kept = _session.Events.Where(said => said.Source == "out").Sum(said => (long)said.Text.Length + 1);
        Assert.InRange(kept + exit.OutputBytesCut, All, All + 1);
        Assert.Contains(_session.Events, said => said.Source == "host" && said.Text.Contains("not kept"));
        Assert.InRange(new FileInfo(_session.At(SessionFiles.Transcript)).Length, 1, 9 * 1024 * 1024);
    }

    [Fact]
    public async Task A_result_beyond_what_is_kept_is_kept_all_the_same()
    {
        const string Result = """{"session_id":"s","type":"result","is_error":false,"result":"Done."}""";
        var exit = await _session.Launch(
            $"""yes '"noise"' | head -c 200000; echo '{Result}'; echo '"more"'; cat >/dev/null""", "prompt", SessionInput.StreamJson, launch => launch with { OutputBytesMax = 100_000 }).RunAsync();
        Assert.Equal(0, exit.ExitCode);
        Assert.Contains(_session.Events, said => said.Text == Result);
        Assert.DoesNotContain(_session.Events, said => said.Text == "\"more\"");
    }

    [Fact]
    public async Task A_line_of_fifty_megabytes_is_cut_with_a_marker_and_takes_no_such_memory()
    {
        const int All = 50 * 1024 * 1024;
        _session.Launch($"head -c {All} /dev/zero | tr '\\0' x; echo; grep VmHWM /proc/$PPID/status; echo after");
        var exit = await _session.RunAsync();
        var line = _session.Events.First(said => said.Source == "out");
        Assert.Equal($"{new string('x', 1024 * 1024)}…[cut: {All - 1024 * 1024} bytes of this line are not kept]", line.Text);
        Assert.Equal(All - 1024 * 1024, exit.OutputBytesCut);
        Assert.Contains(_session.Events, said => said.Text == "after");
        var peak = _session.Events.Single(said => said.Text.StartsWith("VmHWM", StringComparison.Ordinal)).Text.Split(' ', '\t').Where(part => part.Length > 0).ToArray()[1];
        Assert.InRange(int.Parse(peak), 1, 64 * 1024);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_and_escape_sequences_do_no_harm()
    {
        await _session.Launch("printf '\\xff\\xfe ok\\n\\033]0;title\\007\\033[31mred\\033[0m\\a\\n\\0nul\\n\\xe2\\x82\\n'").RunAsync();
        Assert.Equal(["\uFFFD\uFFFD ok", "\u001b]0;title\u0007\u001b[31mred\u001b[0m\u0007", "\0nul", "\uFFFD"], _session.Events.Where(said => said.Source == "out").Select(said => said.Text));
        Assert.Contains("\nred\nnul\n", _session.Transcript);
        Assert.DoesNotContain('\u001b', _session.Transcript);
    }

    [Fact]
    public async Task An_agent_that_says_nothing_is_no_failure()
    {
        Assert.Equal(0, (await _session.Launch("exec true").RunAsync()).ExitCode);
        Assert.DoesNotContain(_session.Events, said => said.Source == "out");
    }

    [Fact]
    public async Task Stream_json_is_rendered_for_reading()
    {
        const string Lines =
            """
            {"type":"assistant","message":{"content":[{"type":"text","text":"I look."},{"type":"tool_use","name":"Bash","input":{"command":"ls -l"}}]}}
            {"type":"user","message":{"content":[{"type":"tool_result","content":"a\nb"}]}}
            {"is_error":false,"num_turns":2,"subtype":"success","total_cost_usd":0.01,"type":"result"}
            {"other":1}
            """;
        File.WriteAllText(Path.Combine(_session.Worktree, "lines"), Lines);
        await _session.Launch("cat lines").RunAsync();
        Assert.Contains("I look.\n● Bash(ls -l)\n  → a b\n[result] success, turns 2, cost $0.01\n{\"other\":1}\n", _session.Transcript);
    }

    [Fact]
    public async Task Follow_ups_are_handed_over_in_order_and_the_input_is_closed_after_the_last_result()
    {
        // The agent answers each line with a result whose type comes last, the first one longer than a line may be.
        const string Agent =
            """
            n=0
            while IFS= read -r line; do
              n=$((n+1)); printf '%s\n' "$line"
              if [ $n = 1 ]; then
                until [ -e go ]; do sleep 0.02; done
                printf '{"result":"'; head -c 300000 /dev/zero | tr '\0' x; printf '","type":"result"}\n'
              else printf '{"a":{"type":"x"},"type" : "result"}\n'; fi
            done
            echo "closed after $n"
            """;
        _session.Launch(Agent, "first \"quoted\"\n", SessionInput.StreamJson, launch => launch with { LineBytesMax = 100_000 });
        var ended = _session.Start().WaitForExitAsync();
        await _session.Printed("first");
        File.WriteAllText(_session.At("inbox/000002.txt"), "third");
        File.WriteAllText(_session.At("inbox/000001.txt"), "second");
        File.WriteAllText(Path.Combine(_session.Worktree, "go"), "");
        Assert.True((await Orchestrator.Testing.Waiting.Within(ended, "the host's end")).IsSuccess);
        string[] expected =
        [
            """{"type":"user","message":{"role":"user","content":"first \"quoted\"\n"}}""",
            """{"type":"user","message":{"role":"user","content":"second"}}""",
            """{"type":"user","message":{"role":"user","content":"third"}}""",
        ];
        Assert.Equal(expected, _session.Events.Where(said => said.Text.StartsWith("{\"type\":\"user\"", StringComparison.Ordinal)).Select(said => said.Text));
        Assert.Contains(_session.Events, said => said.Text == "closed after 3");
        Assert.Equal(["000001.txt.done", "000002.txt.done"], Directory.GetFiles(_session.At("inbox")).Select(Path.GetFileName).Order());
    }
}
