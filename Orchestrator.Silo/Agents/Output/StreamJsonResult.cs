using System.Text.Json;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>What is of use in a <c>result</c> event.</summary>
/// <param name="IsError">Whether it failed; a result that does not say so properly has.</param>
/// <param name="Subtype">Such as <c>error_max_turns</c>; an API error is <c>success</c> here.</param>
/// <param name="TerminalReason">Why it stopped; older versions do not say.</param>
/// <param name="ApiStatus">The HTTP status of an API error.</param>
/// <param name="Text">The last words, or an API error's text.</param>
/// <param name="Errors">What went wrong, of an error that is no API error.</param>
internal sealed record StreamJsonResult(bool IsError, string? Subtype, string? TerminalReason, long? ApiStatus, string? Text, IReadOnlyList<string> Errors)
{
    /// <summary>Reads one.</summary>
    public static StreamJsonResult Read(JsonElement root) => new(
        root.Member("is_error") is not { ValueKind: JsonValueKind.False },
        root.Text("subtype"),
        root.Text("terminal_reason"),
        root.Count("api_error_status"),
        root.Text("result"),
        [.. root.Items("errors").Take(10).Select(JsonReading.AsText).OfType<string>()]);
}
