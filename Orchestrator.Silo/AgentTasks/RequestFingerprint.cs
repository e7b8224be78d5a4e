using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>What makes two requests of one task id the same: SHA-256 of the known fields in a canonical form, without <c>executionMemoryContext</c>, which a retry looks up anew.</summary>
internal static class RequestFingerprint
{
    /// <summary>Lower-case hex.</summary>
    public static string Compute(TaskRequest request)
    {
        using var document = JsonSerializer.SerializeToDocument(request with { ExecutionMemoryContext = null }, TaskRequestJsonContext.Default.TaskRequest);
        var canonical = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(canonical)) Write(writer, document.RootElement);
        return Convert.ToHexStringLower(SHA256.HashData(canonical.WrittenSpan));
    }

    /// <summary>Names sorted, no blanks, one way to escape; numbers as they were written.</summary>
    private static void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in value.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(member.Name);
                    Write(writer, member.Value);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray()) Write(writer, item);
                writer.WriteEndArray();
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
