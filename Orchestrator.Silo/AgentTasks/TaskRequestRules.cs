using System.Text.RegularExpressions;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>What single values of a request must be like. Pure.</summary>
internal static partial class TaskRequestRules
{
    /// <summary>Of a prompt, UTF-8.</summary>
    public const int PromptBytesMax = 256 * 1024;

    public const int PriorityMin = -100;
    public const int PriorityMax = 100;

    public static readonly IReadOnlyList<string> AgentTypes = ["planning", "execution", "pull_request", "review", "remediation", "ask_agent", "sentry"];

    public static bool IsTaskId(string text) => TaskId().IsMatch(text);

    /// <summary><c>owner/name</c>; a segment of only dots would lead out of the folder of mirrors.</summary>
    public static bool IsRepository(string text)
    {
        if (!Repository().IsMatch(text)) return false;
        return text.Split('/').All(segment => segment.Any(character => character != '.'));
    }

    /// <summary>A branch's name that is safe as an argument, a path and a ref (git-check-ref-format).</summary>
    public static bool IsBranch(string text)
    {
        if (!Branch().IsMatch(text)) return false;
        if (text.Contains("..", StringComparison.Ordinal) || text.Contains("//", StringComparison.Ordinal) || text.Contains("@{", StringComparison.Ordinal)) return false;
        return !text.Contains(".lock", StringComparison.Ordinal) && text[^1] is not ('/' or '.');
    }

    public static bool IsEnvironmentName(string text) => EnvironmentName().IsMatch(text);

    public static bool IsHttpUrl(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.Host.Length > 0;

    // \z and not $: the latter also matches before a line feed at the end.
    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TaskId();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Repository();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Branch();

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex EnvironmentName();
}
