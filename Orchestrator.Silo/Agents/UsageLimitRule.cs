using System.Text.RegularExpressions;
using Orchestrator.Silo.Agents.Output;

namespace Orchestrator.Silo.Agents;

/// <summary>How an agent says that its account's usage limit is reached: data of its row.</summary>
internal sealed class UsageLimitRule
{
    /// <summary>The group of a pattern that holds the time at which the limit ends, in a form that <see cref="ResetTimes"/> reads.</summary>
    public const string ResetGroup = "reset";

    /// <summary>More of a message is not looked at.</summary>
    private const int CharsMax = 4000;

    /// <summary>A pattern that goes astray on what an agent prints must not hold up the end of its task.</summary>
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(250);

    /// <summary>None: a limit is never recognised.</summary>
    public static readonly UsageLimitRule None = new([]);

    private readonly IReadOnlyList<Regex> _patterns;

    /// <param name="patterns">Regular expressions; case does not count.</param>
    /// <exception cref="ArgumentException">One of them is none.</exception>
    public UsageLimitRule(IEnumerable<string> patterns) => _patterns = [.. patterns.Select(pattern => new Regex(pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, MatchTimeout))];

    /// <summary>The HTTP status of such an answer, where one is known.</summary>
    public int Status { get; init; } = 429;

    /// <summary>Whether it is a regular expression.</summary>
    public static bool IsValid(string pattern)
    {
        try
        {
            _ = new UsageLimitRule([pattern]);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Whether a failure is a usage limit.</summary>
    /// <param name="status">Its HTTP status; null: not known, then the text alone tells.</param>
    /// <param name="text">What the agent says of it.</param>
    /// <param name="now">When it said so.</param>
    /// <returns>Null: it is none. Otherwise when it ends, or that this is not known.</returns>
    public UsageLimit? Match(long? status, string? text, DateTimeOffset now)
    {
        if (text is null || (status is { } known && known != Status)) return null;
        if (text.Length > CharsMax) text = text[^CharsMax..];
        UsageLimit? found = null;
        foreach (var pattern in _patterns)
        {
            try
            {
                if (pattern.Match(text) is not { Success: true } match) continue;
                found = new(match.Groups[ResetGroup] is { Success: true } reset ? ResetTimes.Parse(reset.Value, now) : null);
                if (found.ResetsAt is not null) return found;
            }
            catch (RegexMatchTimeoutException)
            {
                // The others may still tell.
            }
        }

        return found;
    }
}

/// <summary>That a usage limit is reached.</summary>
/// <param name="ResetsAt">When it ends, UTC; null: not known.</param>
internal sealed record UsageLimit(DateTimeOffset? ResetsAt);
