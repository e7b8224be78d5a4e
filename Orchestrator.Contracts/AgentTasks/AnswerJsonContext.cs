using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Contracts.AgentTasks;

/// <summary>Writes the answers of the HTTP surface: camelCase, nulls shown unless a member says otherwise, times with three decimals.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, Converters = [typeof(UtcMillisecondsConverter)])]
[JsonSerializable(typeof(TaskRequest))]
[JsonSerializable(typeof(TaskView))]
[JsonSerializable(typeof(TaskStatusAnswer))]
[JsonSerializable(typeof(TaskPage))]
[JsonSerializable(typeof(PriorityRequest))]
[JsonSerializable(typeof(PriorityAnswer))]
[JsonSerializable(typeof(PoolAnswer))]
[JsonSerializable(typeof(AccountAnswer))]
[JsonSerializable(typeof(ShutdownAnswer))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(SweepView))]
[JsonSerializable(typeof(LeftoversView))]
[JsonSerializable(typeof(Problem))]
public sealed partial class AnswerJsonContext : JsonSerializerContext;
