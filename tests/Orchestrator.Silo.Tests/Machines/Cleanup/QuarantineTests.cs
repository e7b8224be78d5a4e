using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Cleanup;

public sealed class QuarantineTests : IDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly ManualClock _clock = new(TimeProvider.System.GetUtcNow());

    public void Dispose() => _folder.Dispose();

    private OrchestratorHome Home => new(_folder.At("home"));

    private Quarantine Quarantine => new(Home, _clock);

    [Fact]
    public void A_thing_is_moved_with_a_note_of_what_it_is()
    {
        var path = Make(Home.SessionsPath, "t1");
        var aside = Quarantine.Put(new(QuarantineKind.Session, "t1", "A test wants it.") { IsSaved = true }, path);
        Assert.False(Directory.Exists(path));
        Assert.True(File.Exists(Path.Combine(aside, "file.txt")));
        var entry = Assert.Single(Quarantine.List());
        Assert.Equal((path, "A test wants it.", true, QuarantineKind.Session), (entry.Item.From, entry.Item.Why, entry.Item.IsSaved, entry.Item.Kind));
        Assert.Equal(_clock.GetUtcNow(), entry.MovedAt);
        Quarantine.Remove(entry);
        Assert.Empty(Quarantine.List());
    }

    [Fact]
    public void A_link_is_moved_and_not_what_it_leads_to()
    {
        var precious = Make(_folder.At("precious"), "t1");
        Directory.CreateDirectory(Home.WorktreesPath);
        Directory.CreateSymbolicLink(Path.Combine(Home.WorktreesPath, "t1"), precious);
        var aside = Quarantine.Put(new(QuarantineKind.Worktree, "t1", "x"), Path.Combine(Home.WorktreesPath, "t1"));
        Assert.Equal(precious, new FileInfo(aside).LinkTarget);
        Quarantine.Remove(Assert.Single(Quarantine.List()));
        Assert.True(File.Exists(Path.Combine(precious, "file.txt")));
    }

    [Fact]
    public void What_an_earlier_release_put_aside_is_listed_and_counts_as_unsaved()
    {
        Make(Path.Combine(Home.RepositoriesPath, "~quarantine"), "20260101000000-0123-web.git");
        var entry = Assert.Single(Quarantine.List());
        Assert.Equal((QuarantineKind.Unknown, false), (entry.Item.Kind, entry.Item.IsSaved));
    }

    [Fact]
    public void What_a_killed_service_began_is_removed_an_hour_later_and_nothing_else()
    {
        var kept = Quarantine.Put(new(QuarantineKind.Session, "t1", "x"), Make(Home.SessionsPath, "t1"));
        Quarantine.Put(new(QuarantineKind.Session, "t2", "x"), Make(Home.SessionsPath, "t2"));
        Directory.Delete(Path.Combine(Directory.GetDirectories(Home.QuarantinePath, "*-t2").Single(), "t2"), recursive: true);
        Quarantine.RemoveEmpty();
        Assert.Equal(2, Quarantine.List().Count);
        _clock.Advance(TimeSpan.FromHours(2));
        Quarantine.RemoveEmpty();
        Assert.StartsWith(Assert.Single(Quarantine.List()).Path, kept, StringComparison.Ordinal);
    }

    [Fact]
    public void A_thing_on_another_disk_stays_there()
    {
        const string Memory = "/dev/shm";
        if (!Directory.Exists(Memory)) return;
        var other = Path.Combine(Memory, $"orchestrator-test-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(Home.Root);
            Directory.CreateDirectory(Path.Combine(other, "t1"));
            Directory.CreateSymbolicLink(Home.WorktreesPath, other);
            var aside = Quarantine.Put(new(QuarantineKind.Worktree, "t1", "x"), Path.Combine(Home.WorktreesPath, "t1"));
            Assert.Equal(aside, Path.Combine(Assert.Single(Quarantine.List()).Path, "t1"));
            Assert.True(Directory.Exists(aside));
        }
        finally
        {
            Directory.Delete(other, recursive: true);
        }
    }

    private static string Make(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        Directory.CreateDirectory(path);
        File.WriteAllText(Path.Combine(path, "file.txt"), name);
        return path;
    }
}
