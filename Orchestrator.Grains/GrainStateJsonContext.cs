using System.Text.Json;
using System.Text.Json.Serialization;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;

namespace Orchestrator.Grains;

/// <summary>Reads and writes the grains' states without reflection: whoever hosts the grains puts it first in the storage's resolvers.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(AgentTaskState))]
[JsonSerializable(typeof(AgentTaskRequest))]
[JsonSerializable(typeof(CapacityState))]
[JsonSerializable(typeof(Callbacks.CallbackGrainState))]
internal sealed partial class GrainStateJsonContext : JsonSerializerContext;

/// <summary>The grains' states as JSON.</summary>
public static class GrainStateJson
{
    /// <summary>Knows every state of the grains.</summary>
    public static System.Text.Json.Serialization.Metadata.IJsonTypeInfoResolver Resolver => GrainStateJsonContext.Default;
}
