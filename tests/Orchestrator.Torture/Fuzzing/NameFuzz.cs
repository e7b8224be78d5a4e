using Orchestrator.Silo.AgentTasks;
using Orchestrator.Silo.Machines.Git;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>Names that become folders, refs and arguments, against the contract's rules written down once more, by hand.</summary>
internal static class NameFuzz
{
    private const string Alphabet = "aZ09._-/@{}~^: \t\n\0\\;$`'\"éÀｅ\u0130\u017f\u212a";

    public static string? TryTaskId(Random random)
    {
        var text = Make("task-1", random, 130);
        return TaskRequestRules.IsTaskId(text) == IsTaskId(text) ? null : $"'{text}'";
    }

    public static string? TryRepository(Random random)
    {
        var text = Make("acme/web", random, 30);
        return TaskRequestRules.IsRepository(text) == IsRepository(text) ? null : $"'{text}'";
    }

    public static string? TryBranch(Random random)
    {
        var text = Make("feature/x-1.2", random, 210);
        var expected = IsBranch(text);
        return TaskRequestRules.IsBranch(text) == expected && GitNames.IsBranch(text) == expected ? null : $"'{text}' should {(expected ? "" : "not ")}be taken";
    }

    public static string? TryCursor(Random random)
    {
        var good = new CatalogCursor(random.NextInt64(), Mutations.From("abc-_09", random, 20) is { Length: > 0 } id ? "t" + id : "t");
        var text = Mutations.Spoil(good.ToString(), random);
        if (!CatalogCursor.TryParse(text, out var read)) return text == good.ToString() ? $"'{text}' is not read again" : null;
        return IsTaskId(read.TaskId) ? null : $"'{text}' has the task id '{read.TaskId}'";
    }

    internal static bool IsTaskId(string text) => text.Length is > 0 and <= 128 && char.IsAsciiLetterOrDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    internal static bool IsRepository(string text) => text.Split('/') is [var owner, var name] && IsSegment(owner) && IsSegment(name);

    internal static bool IsBranch(string text)
    {
        if (text.Length is 0 or > 200 || !char.IsAsciiLetterOrDigit(text[0])) return false;
        if (!text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '/' or '-')) return false;
        return text[^1] is not ('/' or '.') && !new[] { "..", "//", ".lock" }.Any(bad => text.Contains(bad, StringComparison.Ordinal));
    }

    private static bool IsSegment(string text) =>
        text.Length is > 0 and <= 100 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') && text.Any(c => c != '.');

    private static string Make(string good, Random random, int lengthMax) => random.Next(3) switch
    {
        0 => Mutations.From(Alphabet, random, lengthMax),
        1 => Mutations.From("ab09._-/", random, lengthMax),
        _ => Mutations.Spoil(good, random),
    };
}
