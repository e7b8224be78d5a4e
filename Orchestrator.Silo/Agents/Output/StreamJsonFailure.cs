using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Tells kinds of failure of Claude Code apart.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Message">In the agent's words; null when it has none.</param>
internal sealed record StreamJsonFailure(AgentErrorKind Kind, string? Message)
{
    /// <summary>A failed result.</summary>
    /// <param name="result">The result.</param>
    /// <param name="apiError">What the last reply says of an API error; null: it was none.</param>
    /// <param name="lastText">The last reply's text.</param>
    public static StreamJsonFailure Of(StreamJsonResult result, string? apiError, string? lastText)
    {
        var message = result.Errors.Count > 0 ? string.Join("; ", result.Errors) : result.Text ?? lastText ?? $"It ended with {result.Subtype ?? "an error"}.";
        return new(KindOf(result, apiError, message), message);
    }

    /// <summary>An exit without a result: killed, crashed, or refused to start. Of no kind unless it said so: exit code and signal tell more.</summary>
    public static StreamJsonFailure WithoutResult(string? apiError, string? lastErrorLine, string? lastText)
    {
        if (IsUnknownConversation(lastErrorLine)) return new(AgentErrorKind.ResumeImpossible, lastErrorLine);
        return apiError is null ? new(AgentErrorKind.None, lastErrorLine) : new(KindOfApiError(apiError), lastText);
    }

    private static AgentErrorKind KindOf(StreamJsonResult result, string? apiError, string message) => result switch
    {
        { Subtype: "error_max_turns" or "error_max_budget_usd" } or { TerminalReason: "max_turns" or "budget_exhausted" } => AgentErrorKind.Budget,
        { TerminalReason: "prompt_too_long" } => AgentErrorKind.Own,
        { ApiStatus: { } status } => KindOfStatus(status),
        _ when apiError is not null => KindOfApiError(apiError),
        // A connection that is refused or cut has no status.
        { TerminalReason: "api_error" } => AgentErrorKind.Overload,
        { Subtype: "error_during_execution" } when IsUnknownConversation(message) => AgentErrorKind.ResumeImpossible,
        _ => AgentErrorKind.Own,
    };

    private static AgentErrorKind KindOfStatus(long status) => status switch
    {
        408 or 409 or 429 or >= 500 => AgentErrorKind.Overload,
        413 => AgentErrorKind.Own,
        >= 400 => AgentErrorKind.Refused,
        _ => AgentErrorKind.Own,
    };

    /// <summary>The names that an <c>assistant</c> event's <c>error</c> has.</summary>
    private static AgentErrorKind KindOfApiError(string name) => name switch
    {
        "authentication_failed" or "oauth_org_not_allowed" or "billing_error" or "invalid_request" or "model_not_found" => AgentErrorKind.Refused,
        "max_output_tokens" => AgentErrorKind.Own,
        _ => AgentErrorKind.Overload,
    };

    private static bool IsUnknownConversation(string? text) => text?.Contains("No conversation found", StringComparison.Ordinal) == true;
}
