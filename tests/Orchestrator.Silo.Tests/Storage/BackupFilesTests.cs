using Orchestrator.Silo.Storage;

namespace Orchestrator.Silo.Tests.Storage;

public sealed class BackupFilesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 26, 4, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_name_has_its_time_and_others_are_none()
    {
        Assert.Equal("orchestrator-20261126T040000Z.db", BackupFiles.NameAt(Now.ToOffset(TimeSpan.FromHours(5))));
        Assert.Equal(Now, BackupFiles.TimeOf("orchestrator-20261126T040000Z.db"));
        Assert.All((string[])["orchestrator.db", "orchestrator-20261126T040000Z.db-wal", ".making-orchestrator-20261126T040000Z.db", "mine.db", "orchestrator-20261399T040000Z.db"], name => Assert.Null(BackupFiles.TimeOf(name)));
    }

    [Fact]
    public void One_that_is_made_later_is_newer_by_its_name_whatever_the_clock_says()
    {
        Assert.Equal(Now, BackupFiles.TimeAfter(null, Now));
        Assert.Equal(Now, BackupFiles.TimeAfter(Now.AddMinutes(-15), Now));
        var ahead = Now.AddHours(2);
        var names = new List<string> { BackupFiles.NameAt(ahead) };
        for (var i = 0; i < 3; i++) names.Add(BackupFiles.NameAt(BackupFiles.TimeAfter(BackupFiles.TimeOf(names[^1]), Now.AddMinutes(15 * i))));
        Assert.Equal(names.Distinct().Order(StringComparer.Ordinal), names);
    }

    [Fact]
    public void The_newest_are_kept_and_the_last_of_each_of_seven_days_and_what_is_not_ours()
    {
        // Every quarter of an hour for ten days.
        var names = Enumerable.Range(0, 4 * 24 * 10).Select(i => BackupFiles.NameAt(Now - TimeSpan.FromMinutes(15 * i))).Append("mine.db").ToList();
        var kept = names.Except(BackupFiles.FindExpendable(names, 8)).ToList();
        Assert.Equal(
            ["mine.db", .. Enumerable.Range(0, 8).Select(i => BackupFiles.NameAt(Now - TimeSpan.FromMinutes(15 * i))), .. Enumerable.Range(1, 6).Select(day => BackupFiles.NameAt(new DateTimeOffset(2026, 11, 27 - day, 0, 0, 0, TimeSpan.Zero).AddMinutes(-15)))],
            kept.OrderByDescending(name => BackupFiles.TimeOf(name) ?? DateTimeOffset.MaxValue));
        Assert.Empty(BackupFiles.FindExpendable(kept, 8));
        Assert.Empty(BackupFiles.FindExpendable([], 8));
    }
}
