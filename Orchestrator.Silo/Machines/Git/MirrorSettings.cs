using System.Text;
using Orchestrator.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// What stands in a mirror beside objects and refs is ours: written by this class, compared before git runs there, and put back when an agent changed it. All worktrees of a
/// repository share it, so that whatever one agent plants there (a filter, a hook, another remote) would run for the next. Against agents under our own user this is hygiene, no boundary.
/// </summary>
internal sealed partial class MirrorSettings(GitIdentity identity, ILogger<MirrorSettings> logger)
{
    /// <summary>The agent's report is no part of its work: it is neither committed by <c>git add -A</c> nor work that is left uncommitted.</summary>
    private const string Exclude = "/.orchestrator/result.json\n";

    /// <summary>Files and folders that a mirror of ours never has. <c>commondir</c> would make git read another repository instead.</summary>
    private static readonly string[] Unwanted = ["config.worktree", "hooks", "commondir", "info/attributes", "info/grafts", "objects/info/alternates", "objects/info/http-alternates"];

    /// <summary>Writes them into a mirror that is being made, over what git begins one with.</summary>
    public async Task WriteAsync(GitMirror mirror, CancellationToken cancellationToken)
    {
        File.Delete(mirror.ConfigPath);
        await RestoreAsync(mirror, cancellationToken);
    }

    /// <summary>Puts back what was changed.</summary>
    public async Task RestoreAsync(GitMirror mirror, CancellationToken cancellationToken)
    {
        var config = Config(mirror.Url, await identity.IsConfiguredAsync(cancellationToken));
        RestoreFile(mirror, mirror.ConfigPath, config);
        RestoreFile(mirror, mirror.At("info", "exclude"), Exclude);
        foreach (var name in Unwanted) RemoveUnwanted(mirror, mirror.At(name));
    }

    /// <summary>Puts back what git keeps of a worktree, apart from its HEAD and index: where the mirror is, and no configuration of its own.</summary>
    public void RestoreWorktree(GitMirror mirror, string taskId)
    {
        var admin = mirror.AdminFolder(taskId);
        if (!Directory.Exists(admin)) return;
        RestoreFile(mirror, Path.Combine(admin, "commondir"), "../..\n");
        RemoveUnwanted(mirror, Path.Combine(admin, "config.worktree"));
    }

    internal static string Config(string url, bool hasIdentity)
    {
        // A value in quotes: git-config(1), "Syntax". A line break cannot be in it, as options are checked; if it were, git would refuse the file.
        var quoted = url.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        return $"""
            [core]
            	repositoryformatversion = 0
            	filemode = true
            	bare = true
            {(OperatingSystem.IsMacOS() ? "\tignorecase = true\n\tprecomposeunicode = true\n" : "")}[remote "origin"]
            	url = "{quoted}"
            	fetch = +refs/heads/*:refs/remotes/origin/*
            [gc]
            	auto = 0
            [maintenance]
            	auto = false
            [push]
            	default = current
            	autoSetupRemote = true

            """.ReplaceLineEndings("\n") + (hasIdentity ? "" : "[user]\n\tname = Orchestrator\n\temail = orchestrator@localhost\n");
    }

    private void RestoreFile(GitMirror mirror, string path, string content)
    {
        var wanted = Encoding.UTF8.GetBytes(content);
        var file = new FileInfo(path);
        var isRegular = file.Exists && file.LinkTarget is null;
        if (isRegular && file.Length == wanted.Length && File.ReadAllBytes(path).AsSpan().SequenceEqual(wanted)) return;
        if (isRegular) LogRestored(mirror.Repository, path);
        DurableFile.CreateFolder(Path.GetDirectoryName(path)!);
        DurableFile.Write(path, wanted, isFlushed: false);
    }

    private void RemoveUnwanted(GitMirror mirror, string path)
    {
        if (!Path.Exists(path) && new FileInfo(path).LinkTarget is null) return;
        LogRestored(mirror.Repository, path);
        FolderRemoval.Remove(path);
    }

    [LoggerMessage(LogLevel.Warning, "Mirror of {Repository}: {Path} was changed by somebody, and is put back.")]
    private partial void LogRestored(string repository, string path);
}
