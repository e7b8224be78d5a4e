using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Tests.AgentTasks;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests;

/// <summary>What a former release has stored is read by this one, and all that a grain does with it works.</summary>
public sealed class StoredStateTests
{
    /// <summary>Members that the release with the main job did not know.</summary>
    private static readonly string[] Later =
    [
        "waitsFor", "newPriority", "heldUntil", "heldSince", "pausedSince", "waitingSince", "waitedBefore", "stalledSince", "isBranchWanted", "worktreeReleasedFor", "worktreeRemovedAt", "worktreeProblem",
        "dependsOn", "costUnknown",
    ];

    public static TheoryData<string> Phases => ["waiting", "preparing", "running", "ended"];

    [Theory]
    [MemberData(nameof(Phases))]
    public void A_task_of_the_release_before_goes_on(string phase)
    {
        var state = phase switch
        {
            "waiting" => Waiting(),
            "preparing" => Preparing(),
            "running" => Running(),
            _ => Running().Ended(Exit(0, Said())).Collected(),
        };
        var json = JsonSerializer.SerializeToNode(state, GrainStateJsonContext.Default.AgentTaskState)!;
        Strip(json);
        var old = json.Deserialize(GrainStateJsonContext.Default.AgentTaskState)!;
        Assert.Equal((state.Phase, state.Status, state.Run), (old.Phase, old.Status, old.Run));
        Assert.Equal(AgentTaskSnapshots.EntryOf(state), AgentTaskSnapshots.EntryOf(old));
        Assert.Equal(AgentTaskEffects.Of(state, Options, Start), AgentTaskEffects.Of(old, Options, Start));
        var (before, after) = (AgentTaskTransitions.TimePassed(state, Options, Start.AddDays(3)), AgentTaskTransitions.TimePassed(old, Options, Start.AddDays(3)));
        Assert.Equal((before.Phase, before.Error?.Code), (after.Phase, after.Error?.Code));
        Assert.Equal(AgentTaskTransitions.UsageOf(state), AgentTaskTransitions.UsageOf(old));
        Assert.Equal(
            JsonSerializer.Serialize(state, GrainStateJsonContext.Default.AgentTaskState), JsonSerializer.Serialize(old, GrainStateJsonContext.Default.AgentTaskState));
    }

    [Fact]
    public void Callbacks_of_the_release_before_are_read()
    {
        var old = JsonSerializer.Deserialize(
            """{"schemaVersion":1,"callbacks":[{"owed":{"id":"t-r1-completed","kind":"completed","url":"http://127.0.0.1/","body":"{}","secret":"s"},"state":1,"tries":[],"tryCount":0}]}""",
            GrainStateJsonContext.Default.CallbackGrainState)!;
        Assert.Equal((CallbackStateOwed, 0), (Assert.Single(old.Callbacks).State, old.Callbacks[0].Tries.Count));
    }

    private static Interfaces.Callbacks.CallbackState CallbackStateOwed => Interfaces.Callbacks.CallbackState.Owed;

    private static void Strip(JsonNode? node)
    {
        if (node is JsonArray array)
        {
            foreach (var item in array) Strip(item);
        }

        if (node is not JsonObject members) return;
        foreach (var name in Later) members.Remove(name);
        foreach (var (_, member) in members) Strip(member);
    }
}
