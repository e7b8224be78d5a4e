using System.Globalization;

namespace Orchestrator.Silo.Storage;

/// <summary>Names of backups, and which of them may go. Pure.</summary>
internal static class BackupFiles
{
    /// <summary>One of each of so many days is kept beside the newest ones.</summary>
    public const int DaysKept = 7;

    private const string Format = "'orchestrator-'yyyyMMdd'T'HHmmss'Z.db'";

    public static string NameAt(DateTimeOffset time) => time.UtcDateTime.ToString(Format, CultureInfo.InvariantCulture);

    /// <summary>The time that the next one is named by: who looks for the newest goes by names, and a clock that was ahead for a while must not have named it.</summary>
    /// <param name="newest">Of the newest that is there; null: there is none.</param>
    /// <param name="now">Now.</param>
    public static DateTimeOffset TimeAfter(DateTimeOffset? newest, DateTimeOffset now) => newest is { } last && last.AddSeconds(1) > now ? last.AddSeconds(1) : now;

    /// <summary>When the backup of that name was begun, UTC; null when it is none of ours.</summary>
    public static DateTimeOffset? TimeOf(string name) =>
        DateTimeOffset.TryParseExact(name, Format, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>Those that are neither among the newest nor the last of one of the last days. Names that are none of ours are left alone.</summary>
    public static IReadOnlyList<string> FindExpendable(IEnumerable<string> names, int keep)
    {
        var ours = names.Select(name => (Name: name, Time: TimeOf(name))).Where(file => file.Time is not null).OrderByDescending(file => file.Time).ToList();
        var kept = ours.Take(keep).Concat(ours.GroupBy(file => file.Time!.Value.UtcDateTime.Date).Take(DaysKept).Select(day => day.First())).Select(file => file.Name).ToHashSet(StringComparer.Ordinal);
        return [.. ours.Select(file => file.Name).Where(name => !kept.Contains(name))];
    }
}
