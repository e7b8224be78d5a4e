using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Reads Claude Code's <c>stream-json</c> (seen with 2.1.330 and 2.1.197; https://code.claude.com/docs/en/headless): the last <c>result</c> tells how it went, by
/// <c>is_error</c> and never by <c>subtype</c>. The order of members is not fixed; unknown types and members are passed by.
/// </summary>
/// <param name="limits">How it says that its account's usage limit is reached.</param>
internal sealed class StreamJsonOutput(UsageLimitRule limits) : IAgentOutputReader
{
    /// <summary>Longest summary.</summary>
    public const int SummaryCharsMax = 4000;

    private readonly StreamJsonUsage _usage = new();
    private bool _hasOutput;
    private int _permissionDenials;
    private string? _sessionId;
    private string? _lastText;
    private string? _lastApiError;
    private string? _lastErrorLine;
    private StreamJsonResult? _result;
    private long _lastAt;

    public void Add(SessionEvent line)
    {
        if (line.Source is not ("out" or "err")) return;
        _lastAt = line.At;
        _hasOutput = _hasOutput || !string.IsNullOrWhiteSpace(line.Text);
        if (line.Source == "err")
        {
            if (!string.IsNullOrWhiteSpace(line.Text)) _lastErrorLine = line.Text.Trim();
        }
        else if (IsOfUse(line.Text))
        {
            AddEvent(line.Text);
        }
    }

    public AgentWords End()
    {
        var isError = _result?.IsError ?? false;
        var failure = _result is null
            ? StreamJsonFailure.WithoutResult(_lastApiError, _lastErrorLine, _lastText)
            : isError ? StreamJsonFailure.Of(_result, _lastApiError, _lastText) : new(AgentErrorKind.None, null);
        var limit = failure.Kind is AgentErrorKind.Overload or AgentErrorKind.Refused or AgentErrorKind.Own
            ? limits.Match(_result?.ApiStatus, failure.Message, DateTimeOffset.FromUnixTimeMilliseconds(_lastAt)) : null;
        var report = new AgentReport
        {
            HasOutput = _hasOutput,
            HasResult = _result is not null,
            IsError = isError,
            ErrorKind = limit is null ? failure.Kind : AgentErrorKind.UsageLimit,
            ErrorMessage = Summaries.Make(failure.Message, SummaryCharsMax, isTail: false),
            // What it did after its last word was not told.
            Usage = _usage.Total with { CostUnknown = _usage.HasMore || (_result is null && _sessionId is not null) },
            AgentSessionId = _sessionId,
            PermissionDenials = _permissionDenials,
            HasSaidResult = _result is not null,
            LimitResetsAt = limit?.ResetsAt,
        };
        return new(report, isError ? _lastText : _result?.Text ?? _lastText, SummaryCharsMax, SummaryIsTail: false);
    }

    /// <summary>Most of the bulk is tool results: they need not be parsed. Text that names one of these only by chance is parsed and found to be something else.</summary>
    private static bool IsOfUse(string text) =>
        text.Contains("\"result\"", StringComparison.Ordinal) || text.Contains("\"assistant\"", StringComparison.Ordinal) || text.Contains("\"init\"", StringComparison.Ordinal);

    private void AddEvent(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            switch (root.Text("type"))
            {
                case "result":
                    AddResult(root);
                    break;
                case "assistant":
                    AddAssistant(root);
                    break;
                case "system":
                    SetSessionId(root);
                    break;
            }
        }
        catch (JsonException)
        {
            // A line that was cut, or that a tool's program printed in between: the others still count.
        }
    }

    private void AddResult(JsonElement root)
    {
        SetSessionId(root);
        _permissionDenials += root.Items("permission_denials").Count();
        _usage.AddResult(root);
        _result = StreamJsonResult.Read(root);
    }

    private void AddAssistant(JsonElement root)
    {
        // What a subagent says is not the agent's own word; its usage is in the result.
        if (root.Text("parent_tool_use_id") is not null) return;
        SetSessionId(root);
        _lastApiError = root.Text("error") ?? (root.IsTrue("is_api_error_message") ? "unknown" : null);
        if (root.Member("message") is not { } message) return;
        if (_lastApiError is null) _usage.AddReply(message);
        var text = string.Join("\n\n", message.Items("content").Where(block => block.Text("type") == "text").Select(block => block.Text("text")).Where(each => !string.IsNullOrWhiteSpace(each)));
        if (text.Length > 0) _lastText = text;
    }

    private void SetSessionId(JsonElement root)
    {
        if (root.Text("session_id") is { } id && AgentSessionIds.IsValid(id)) _sessionId = id;
    }
}
