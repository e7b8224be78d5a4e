using System.Globalization;
using System.Text.Json;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>What agents do that is no failure by itself, and how their ends are told.</summary>
public sealed class AgentHabitTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceBed _bed = fixture.Bed;

    [Fact]
    public async Task A_gigabyte_of_output_is_cut_with_a_marker()
    {
        var task = await _bed.RunAsync("habit-gigabyte", $"yes {new string('y', 1000)} | head -c 1073741824 || true\ncommit 'Said a lot'");
        Assert.Equal(("completed", 1), Outcome(task));
        Assert.InRange(ReadJson("habit-gigabyte", "exit.json").GetProperty("outputBytesCut").GetInt64(), 900L << 20, 1100L << 20);
        Assert.InRange(new FileInfo(Path.Combine(_bed.Place.Session("habit-gigabyte"), "events.jsonl")).Length, 1, 100L << 20);
        Assert.InRange(new FileInfo(Path.Combine(_bed.Place.Session("habit-gigabyte"), "transcript.log")).Length, 1, 100L << 20);
        Assert.Contains("are not kept", File.ReadLines(Path.Combine(_bed.Place.Session("habit-gigabyte"), "events.jsonl")).Last());
    }

    [Fact]
    public async Task A_line_of_fifty_megabytes_is_cut_and_what_follows_is_there()
    {
        var task = await _bed.RunAsync("habit-line", "head -c 52428800 /dev/zero | tr '\\0' 'a'\necho\necho 'the line after'\ncommit 'Said it in one line'");
        Assert.Equal(("completed", 1), Outcome(task));
        var transcript = await _bed.Service.GetTranscriptAsync("habit-line");
        Assert.Contains("bytes of this line are not kept", transcript);
        Assert.Contains("the line after", transcript);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_do_no_harm()
    {
        var task = await _bed.RunAsync("habit-bytes", "printf '\\xff\\xfe caf\\xe9 \\x00 \\x1b[31m\\n'\nhead -c 100000 /dev/urandom\necho\necho 'still here'\ncommit 'Said nonsense'");
        Assert.Equal(("completed", 1), Outcome(task));
        Assert.Contains("still here", await _bed.Service.GetTranscriptAsync("habit-bytes"));
    }

    [Fact]
    public async Task Saying_and_doing_nothing_is_allowed()
    {
        var task = await _bed.RunAsync("habit-nothing", ":");
        Assert.Equal(("completed", 0), Outcome(task));
        Assert.NotEqual("", task.GetProperty("result").GetProperty("summary").GetString());
    }

    [Fact]
    public async Task Daemons_that_an_agent_leaves_behind_are_ended()
    {
        var task = await _bed.RunAsync(
            "habit-daemon",
            """
            setsid bash -c 'echo $$ | put daemon-1.pid; exec tail -f /dev/null' </dev/null >/dev/null 2>&1 &
            (env -i PATH="$PATH" PLACE="$PLACE" setsid bash -c 'echo $$ >"$PLACE/daemon-2.new"; mv "$PLACE/daemon-2.new" "$PLACE/daemon-2.pid"; exec tail -f /dev/null' </dev/null >/dev/null 2>&1 &)
            until [ -e "$PLACE/daemon-1.pid" ] && [ -e "$PLACE/daemon-2.pid" ]; do sleep 0.02; done
            commit 'Left daemons'
            """);
        Assert.Equal(("completed", 1), Outcome(task));
        Assert.All((string[])["daemon-1.pid", "daemon-2.pid"], file => Assert.False(MachineProcess.IsAlive(Pid(file)), $"{file} lives"));
        Assert.Empty(_bed.Place.SessionProcesses());
    }

    [Fact]
    public async Task An_exit_code_counts_and_commits_are_told_all_the_same()
    {
        await _bed.RunAsync("habit-fails", "commit 'Half of it'\necho 'I give up' >&2\nexit 3");
        await _bed.RunAsync("habit-fails-empty", "exit 4");
        var (withCommit, without) = (_bed.Receiver.Of("habit-fails").Single(), _bed.Receiver.Of("habit-fails-empty").Single());
        Assert.Equal(("failed", "AGENT_FAILED"), (withCommit.TaskStatus, withCommit.ErrorCode));
        Assert.Equal(1, withCommit.Json.GetProperty("result").GetProperty("commits").GetInt32());
        Assert.Equal(("failed", "AGENT_FAILED", false), (without.TaskStatus, without.ErrorCode, without.Json.TryGetProperty("result", out _)));
        Assert.Empty(_bed.Receiver.Violations);
    }

    [Fact]
    public async Task A_time_limit_interrupts_and_tells_what_there_is()
    {
        // The limit runs from the slot's grant, so it leaves a busy machine the time to start an agent.
        await _bed.SubmitAsync("habit-slow", "commit 'As far as I got'\necho $$ | put slow.pid\nwhile :; do sleep 0.1; done", ("timeoutSeconds", 8));
        await _bed.WaitForFileAsync(_bed.Place.At("slow.pid"));
        var callback = await _bed.Receiver.WaitAsync("habit-slow");
        Assert.Equal(("interrupted", null, true), (callback.TaskStatus, callback.ErrorCode, callback.Json.GetProperty("result").GetProperty("partialWork").GetBoolean()));
        Assert.Equal(1, callback.Json.GetProperty("result").GetProperty("commits").GetInt32());
        Assert.False(MachineProcess.IsAlive(Pid("slow.pid")));
        Assert.Empty(_bed.Receiver.Violations);
    }

    private static (string? Status, int Commits) Outcome(JsonElement task) =>
        (task.GetProperty("status").GetString(), task.GetProperty("result") is { ValueKind: JsonValueKind.Object } result ? result.GetProperty("commits").GetInt32() : -1);

    private int Pid(string file) => int.Parse(File.ReadAllText(_bed.Place.At(file)), CultureInfo.InvariantCulture);

    private JsonElement ReadJson(string taskId, string file) => JsonDocument.Parse(File.ReadAllText(Path.Combine(_bed.Place.Session(taskId), file))).RootElement;
}
