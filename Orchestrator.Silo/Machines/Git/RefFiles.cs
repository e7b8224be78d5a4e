using System.Diagnostics.CodeAnalysis;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Reads refs without a git process, which the way of every task would have to wait for: loose files and <c>packed-refs</c>, as gitrepository-layout(5) and
/// git-pack-refs(1) describe them. Mirrors are made with that format (<c>GIT_DEFAULT_REF_FORMAT</c>).
/// </summary>
internal static class RefFiles
{
    private const int SymbolicDepthMax = 5;

    /// <summary>The commit that a ref stands for; null when there is none.</summary>
    /// <param name="mirror">The repository.</param>
    /// <param name="name">The whole name, <c>refs/…</c>, made of checked parts.</param>
    public static string? Read(GitMirror mirror, string name)
    {
        for (var depth = 0; depth < SymbolicDepthMax; depth++)
        {
            var text = ReadLoose(mirror.At(name)) ?? ReadPacked(mirror, name);
            if (text is null || !text.StartsWith("ref: ", StringComparison.Ordinal)) return IsId(text) ? text : null;
            name = text["ref: ".Length..];
        }

        return null;
    }

    /// <summary>What a symbolic ref's file points to; null when it points to nothing, or is none.</summary>
    public static string? ReadSymbolic(string path) =>
        ReadLoose(path) is { } text && text.StartsWith("ref: ", StringComparison.Ordinal) ? text["ref: ".Length..] : null;

    /// <summary>The commit or ref in a file such as <c>HEAD</c>; null when there is no such file.</summary>
    public static string? ReadLoose(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).TrimEnd() : null;
        }
        catch (FileNotFoundException)
        {
            // Deleted or packed between the two calls.
            return null;
        }
    }

    private static string? ReadPacked(GitMirror mirror, string name)
    {
        var path = mirror.At("packed-refs");
        if (!File.Exists(path)) return null;
        var line = File.ReadLines(path).FirstOrDefault(line => line.Length == 41 + name.Length && line[40] == ' ' && line.EndsWith(name, StringComparison.Ordinal));
        return line?[..40];
    }

    /// <summary>Whether a text has the form of a commit's id.</summary>
    public static bool IsId([NotNullWhen(true)] string? text) => text is { Length: 40 } && text.All(char.IsAsciiHexDigitLower);
}
