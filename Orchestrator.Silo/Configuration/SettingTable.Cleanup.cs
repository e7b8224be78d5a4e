using System.Globalization;

namespace Orchestrator.Silo.Configuration;

/// <content>What is kept of ended tasks.</content>
internal static partial class SettingTable
{
    private const double SecondsOfDay = 86_400, DaysMax = 3650, GibibytesMax = 1_000_000;

    private static IEnumerable<Setting> CleanupSettings =>
    [
        Days("WORKTREE_KEEP_DAYS", "7", "how long kept worktrees of ended tasks stay; what is not pushed is saved to a salvage ref first", (to, time) => to.Cleanup.WorktreeAgeMax = time),
        new("WORKTREE_KEEP_COUNT", "100", "how many kept worktrees of ended tasks stay", "a whole number from 0 to 100000",
            (to, value) => TryInt(value, 0, 100_000, count => to.Cleanup.WorktreeCountMax = count)),
        new("HOME_MAX_GB", "0", "GiB of worktrees, sessions and mirrors beyond which kept worktrees of ended tasks go; 0: no limit", "a number from 0 to 1000000", ApplyHomeMax),
        Days("TRANSCRIPT_COMPRESS_DAYS", "1", "after how long the output of ended tasks is compressed", (to, time) => to.Cleanup.TranscriptCompressAge = time),
        Days("TRANSCRIPT_KEEP_DAYS", "30", "how long the output of ended tasks stays", (to, time) => to.Cleanup.TranscriptAge = time),
        Days("QUARANTINE_KEEP_DAYS", "30", "how long what belongs to no task stays in `quarantine/`, once it is saved; what cannot be saved stays until you remove it", (to, time) => to.Cleanup.QuarantineAge = time),
    ];

    private static Setting Days(string name, string standard, string meaning, Action<OrchestratorSettings, TimeSpan> apply) =>
        new(name, standard, meaning, "days, from 0 to 3650", (to, value) => TryTime(value, SecondsOfDay, DaysMax, time => apply(to, time), mayBeZero: true));

    private static bool ApplyHomeMax(OrchestratorSettings to, string value)
    {
        if (!double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number is not (>= 0 and <= GibibytesMax)) return false;
        to.Cleanup.HomeBytesMax = (long)(number * (1L << 30));
        return true;
    }
}
