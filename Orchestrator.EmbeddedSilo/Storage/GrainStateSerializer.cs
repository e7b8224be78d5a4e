using System.Text.Json;
using Microsoft.Extensions.Options;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>How grain state is written as JSON.</summary>
public sealed class GrainStateJsonOptions
{
    /// <summary>
    /// Names in camelCase; unknown members are ignored and missing ones keep their defaults, so that state of an older release is read. Put the
    /// application's source-generated contexts first in <see cref="JsonSerializerOptions.TypeInfoResolverChain"/>; types that are not in them are read by reflection.
    /// </summary>
    public JsonSerializerOptions SerializerOptions { get; } = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = false };
}

/// <summary>
/// Grain state as JSON. A state type may have an <c>int SchemaVersion</c>, initialized to the version that its code writes: a stored state with a higher
/// one is refused, so that an older release does not overwrite what it does not understand. Raising an older one is the type's own work
/// (<see cref="System.Text.Json.Serialization.IJsonOnDeserialized"/>).
/// </summary>
internal sealed class GrainStateSerializer(IOptions<GrainStateJsonOptions> options)
{
    private readonly JsonSerializerOptions _json = options.Value.SerializerOptions;

    public byte[] Serialize<T>(T state) => JsonSerializer.SerializeToUtf8Bytes(state, _json);

    /// <exception cref="OrleansException">It is no JSON of a <typeparamref name="T"/>, or of a later version of it.</exception>
    public T Deserialize<T>(ReadOnlySpan<byte> json, string stateName, GrainId grainId)
    {
        try
        {
            if (SchemaOf<T>.Version is { } known && ReadVersion(json) is { } stored && stored > known)
            {
                throw new OrleansException($"State '{stateName}' of {grainId} was written by a later release (schema version {stored}, known is {known}). Run that release again.");
            }

            // A grain may have set its state to null; it finds a new one then, as after a clear.
            return JsonSerializer.Deserialize<T>(json, _json) ?? PersistentStateFactory.New<T>();
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException)
        {
            throw new OrleansException($"State '{stateName}' of {grainId} cannot be read as {typeof(T)}: {exception.Message}", exception);
        }
    }

    private static int? ReadVersion(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isVersion = reader.ValueTextEquals("schemaVersion"u8);
            reader.Read();
            if (isVersion) return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var version) ? version : null;
            reader.Skip();
        }

        return null;
    }

    private static class SchemaOf<T>
    {
        public static readonly int? Version = typeof(T).GetProperty("SchemaVersion") is { } property && property.PropertyType == typeof(int)
            ? (int)property.GetValue(PersistentStateFactory.New<T>())!
            : null;
    }
}
