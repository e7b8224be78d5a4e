using System.Globalization;
using System.Text.RegularExpressions;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Reads the times at which usage limits end, in the forms that agents and APIs use: seconds or milliseconds since 1970, ISO 8601, a time of day with or without a day and a time
/// zone, or how long it still takes. What follows is passed by. A time in the past, or more than <see cref="Furthest"/> away, is nonsense and counts as not known.
/// </summary>
internal static partial class ResetTimes
{
    /// <summary>Weekly limits are the longest ones, and a day for clocks and zones.</summary>
    public static readonly TimeSpan Furthest = TimeSpan.FromDays(8);

    private const int MatchMilliseconds = 250;

    /// <summary>The time, UTC; null when it is not known.</summary>
    /// <param name="text">Such as <c>1767225600</c>, <c>3pm (Europe/Berlin)</c>, <c>Jan 5 at 10am (UTC)</c>, <c>in 2 hours 5 minutes</c>.</param>
    /// <param name="now">When it was said.</param>
    public static DateTimeOffset? Parse(string text, DateTimeOffset now)
    {
        text = text.Trim();
        var found = Epoch(text) ?? Iso(text) ?? Duration(text, now) ?? Clock(text, now);
        return found is { } at && at > now && at - now <= Furthest ? at.ToUniversalTime() : null;
    }

    private static DateTimeOffset? Epoch(string text)
    {
        if (EpochForm().Match(text) is not { Success: true } match) return null;
        var number = long.Parse(match.Value, CultureInfo.InvariantCulture);
        return match.Length > 10 ? DateTimeOffset.FromUnixTimeMilliseconds(number) : DateTimeOffset.FromUnixTimeSeconds(number);
    }

    private static DateTimeOffset? Iso(string text) =>
        IsoForm().Match(text) is { Success: true } match
            && DateTimeOffset.TryParse(match.Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;

    private static DateTimeOffset? Duration(string text, DateTimeOffset now)
    {
        if (DurationForm().Match(text) is not { Success: true } match) return null;
        var sum = TimeSpan.Zero;
        for (var i = 0; i < match.Groups["count"].Captures.Count; i++)
        {
            var count = int.Parse(match.Groups["count"].Captures[i].Value, CultureInfo.InvariantCulture);
            sum += match.Groups["unit"].Captures[i].Value[0] switch
            {
                'd' or 'D' => TimeSpan.FromDays(count),
                'h' or 'H' => TimeSpan.FromHours(count),
                'm' or 'M' => TimeSpan.FromMinutes(count),
                _ => TimeSpan.FromSeconds(count),
            };

            // Before the next one is added: enough of them are more than a time can be.
            if (sum > Furthest) return null;
        }

        return now + sum;
    }

    /// <summary>A time of day, of the next day on which it comes unless it names one; in the machine's zone unless it names one.</summary>
    private static DateTimeOffset? Clock(string text, DateTimeOffset now)
    {
        if (ClockForm().Match(text) is not { Success: true } match || TimeOf(match) is not { } time || ZoneOf(match.Groups["zone"]) is not { } zone) return null;
        var local = TimeZoneInfo.ConvertTime(now, zone).DateTime;
        if (match.Groups["month"].Success)
        {
            if (DateOf(match, local.Year) is not { } date) return null;
            var at = ToUtc(date + time, zone);
            return at < now && DateOf(match, local.Year + 1) is { } later ? ToUtc(later + time, zone) : at;
        }

        if (match.Groups["weekday"] is { Success: true } weekday)
        {
            var days = (Array.FindIndex(Weekdays, name => weekday.Value.StartsWith(name, StringComparison.OrdinalIgnoreCase)) - (int)local.DayOfWeek + 7) % 7;
            var at = ToUtc(local.Date.AddDays(days) + time, zone);
            return at <= now ? ToUtc(local.Date.AddDays(days + 7) + time, zone) : at;
        }

        var today = ToUtc(local.Date + time, zone);
        return match.Groups["tomorrow"].Success || today <= now ? ToUtc(local.Date.AddDays(1) + time, zone) : today;
    }

    private static readonly string[] Weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

    private static TimeSpan? TimeOf(Match match)
    {
        var hour = int.Parse(match.Groups["hour"].Value, CultureInfo.InvariantCulture);
        var minute = match.Groups["minute"].Success ? int.Parse(match.Groups["minute"].Value, CultureInfo.InvariantCulture) : 0;
        if (match.Groups["half"] is { Success: true } half)
        {
            if (hour is < 1 or > 12) return null;
            hour = hour % 12 + (half.Value[0] is 'p' or 'P' ? 12 : 0);
        }
        else if (!match.Groups["minute"].Success)
        {
            // A bare number is no time.
            return null;
        }

        return hour > 23 || minute > 59 ? null : new TimeSpan(hour, minute, 0);
    }

    private static DateTime? DateOf(Match match, int year)
    {
        var text = $"{match.Groups["month"].Value[..3]} {match.Groups["day"].Value} {(match.Groups["year"].Success ? match.Groups["year"].Value : year)}";
        return DateTime.TryParseExact(text, "MMM d yyyy", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? date : null;
    }

    private static TimeZoneInfo? ZoneOf(Group zone)
    {
        if (!zone.Success) return TimeZoneInfo.Local;
        if (zone.Value is "UTC" or "GMT" or "Z") return TimeZoneInfo.Utc;
        return TimeZoneInfo.TryFindSystemTimeZoneById(zone.Value, out var found) ? found : null;
    }

    private static DateTimeOffset ToUtc(DateTime local, TimeZoneInfo zone)
    {
        // An hour that a change to summer time leaves out is the one after it.
        if (zone.IsInvalidTime(local)) local = local.AddHours(1);
        return new DateTimeOffset(TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(local, DateTimeKind.Unspecified), zone), TimeSpan.Zero);
    }

    [GeneratedRegex(@"\A(?:\d{13}|\d{10})(?![\d.:-])", RegexOptions.CultureInvariant, MatchMilliseconds)]
    private static partial Regex EpochForm();

    [GeneratedRegex(@"\A\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?", RegexOptions.CultureInvariant, MatchMilliseconds)]
    private static partial Regex IsoForm();

    [GeneratedRegex(
        @"\A(?:in\s+)?(?:(?<count>\d{1,5})\s*(?<unit>days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b(?:\s*,?\s*(?:and\s+)?)?)+",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchMilliseconds)]
    private static partial Regex DurationForm();

    [GeneratedRegex(
        @"\A(?:(?:on\s+)?(?:(?<month>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*)\.?\s+(?<day>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?<year>20\d\d)(?!:))?|(?<weekday>Sun|Mon|Tue|Wed|Thu|Fri|Sat)[a-z]*|(?<tomorrow>tomorrow)|today)\s*,?\s*)?(?:at\s+)?(?<hour>\d{1,2})(?::(?<minute>\d{2}))?\s*(?<half>[ap]\.?m\b\.?)?(?:\s*\(?(?<zone>UTC|GMT|Z\b|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2}))?",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchMilliseconds)]
    private static partial Regex ClockForm();
}
