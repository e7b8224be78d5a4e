using System.Text.Json;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>As strict as the existing probe: every member of the accepted answer is there with its type, and <c>logForwarderDrain</c> has no other.</summary>
internal static class HealthShape
{
    public static void Check(JsonElement actual, JsonElement accepted)
    {
        CheckMembers(actual, accepted, "");
        Assert.Contains(actual.GetProperty("status").GetString(), new[] { "initializing", "recovering", "ready", "degraded", "auth_degraded", "shutting_down" });
        Assert.Equal(2, actual.GetProperty("healthContractVersion").GetInt32());
        Assert.Equal(JsonValueKind.Null, actual.GetProperty("workerContainers").ValueKind);
        var drain = actual.GetProperty("logForwarderDrain");
        Assert.Equal(
            accepted.GetProperty("logForwarderDrain").EnumerateObject().Select(member => member.Name).Order(), drain.EnumerateObject().Select(member => member.Name).Order());
        Assert.Matches("^[0-9a-f]{32}$", drain.GetProperty("counterEpochId").GetString());
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", drain.GetProperty("processStartedAt").GetString());
        foreach (var auth in actual.GetProperty("workerAuths").EnumerateObject())
            Assert.Contains(auth.Value.GetProperty("status").GetString(), new[] { "active", "not_configured", "expired", "invalid" });
    }

    private static void CheckMembers(JsonElement actual, JsonElement accepted, string path)
    {
        foreach (var member in accepted.EnumerateObject())
        {
            Assert.True(actual.TryGetProperty(member.Name, out var value), $"{path}{member.Name} is missing");
            Assert.True(Kind(value) == Kind(member.Value), $"{path}{member.Name} is {value.ValueKind}, not {member.Value.ValueKind}");
            if (value.ValueKind == JsonValueKind.Number) Assert.True(value.TryGetInt64(out var number) && number >= 0, $"{path}{member.Name} is no whole number");
            if (value.ValueKind == JsonValueKind.Object) CheckMembers(value, member.Value, path + member.Name + ".");
        }
    }

    private static JsonValueKind Kind(JsonElement value) => value.ValueKind == JsonValueKind.False ? JsonValueKind.True : value.ValueKind;
}
