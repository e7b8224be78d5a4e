using System.Text.Json;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>What goes wrong before an agent runs: the contract's end, slot free, service up.</summary>
public sealed class SetupFailureTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceBed _bed = fixture.Bed;

    [Fact]
    public async Task A_repository_that_is_missing_ends_its_task_and_nothing_else()
    {
        var message = await FailsToSetUpAsync("missing-1", ("repository", "acme/not-there"));
        Assert.Contains("acme/not-there", message);
    }

    [Fact]
    public async Task A_base_branch_that_is_missing_is_named()
    {
        var message = await FailsToSetUpAsync("branch-1", ("baseBranch", "no-such-branch"));
        Assert.Contains("no-such-branch", message);
    }

    [Fact]
    public async Task A_setup_script_that_fails_is_told_with_its_last_words()
    {
        var repository = SampleRepository.Create(_bed.Place, "acme/broken-setup");
        repository.Push("Set up", (".orchestrator/setup", "#!/bin/sh\necho 'installing'\necho 'npm: no such package' >&2\nexit 9\n"));
        var message = await FailsToSetUpAsync("setup-1", ("repository", repository.Name));
        Assert.Contains("npm: no such package", message);
        Assert.False(File.Exists(_bed.Place.At("setup-1.1.sh")));
        Assert.Contains("installing", await _bed.Service.GetTranscriptAsync("setup-1"));
    }

    [Fact]
    public async Task A_setup_script_runs_before_the_agent_in_its_worktree_and_environment()
    {
        var repository = SampleRepository.Create(_bed.Place, "acme/good-setup");
        repository.Push("Set up", (".orchestrator/setup", "#!/bin/sh\nprintf '%s' \"$TASK_ID in $PWD\" >was-here\n"));
        var task = await _bed.RunAsync("setup-2", "cat was-here | put setup-2", ("repository", repository.Name));
        Assert.Equal("completed", task.GetProperty("status").GetString());
        Assert.Equal($"setup-2 in {_bed.Place.Worktree("setup-2")}", await File.ReadAllTextAsync(_bed.Place.At("setup-2")));
    }

    [Fact]
    public async Task An_agent_program_that_is_missing_is_refused_at_once_and_one_that_goes_later_ends_the_task()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["CLAUDE_COMMAND"] = "/bin/true" });
        await bed.SubmitAsync("holds-the-slot", "until [ -e \"$PLACE/go\" ]; do sleep 0.05; done");
        await bed.SubmitAsync("comes-too-late");
        bed.Agent.Remove();
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        await bed.Service.WaitForEndAsync("holds-the-slot");
        var task = await bed.Service.WaitForEndAsync("comes-too-late");
        Assert.Equal("SETUP_FAILED", bed.Receiver.Of("comes-too-late")[0].ErrorCode);
        Assert.Contains("SCRIPT_AGENT", task.GetProperty("error").GetProperty("message").GetString());

        await bed.Service.RestartAsync();
        var answer = await bed.Service.PostTaskAsync(bed.Body("refused"));
        Assert.Equal(400, (int)answer.Status);
        Assert.Contains("auto, opus, sonnet", answer.Error);
        Assert.Equal(404, (int)(await bed.Service.GetAsync("/tasks/refused")).Status);
        Assert.Empty(bed.Receiver.Violations);
    }

    private async Task<string> FailsToSetUpAsync(string taskId, (string Name, System.Text.Json.Nodes.JsonNode? Value) member)
    {
        await _bed.SubmitAsync(taskId, "commit 'never'", member);
        var callback = await _bed.Receiver.WaitAsync(taskId);
        var task = await _bed.Service.WaitForEndAsync(taskId);
        Assert.Empty(_bed.Receiver.Violations);
        Assert.Equal(("failed", "SETUP_FAILED", false), (callback.TaskStatus, callback.ErrorCode, callback.Json.TryGetProperty("result", out _)));
        Assert.Equal(JsonValueKind.Null, task.GetProperty("result").ValueKind);
        var health = await _bed.Service.GetHealthAsync();
        Assert.Equal(("ready", 4), (health.GetProperty("status").GetString(), health.GetProperty("available").GetInt32()));
        return task.GetProperty("error").GetProperty("message").GetString()!;
    }
}
