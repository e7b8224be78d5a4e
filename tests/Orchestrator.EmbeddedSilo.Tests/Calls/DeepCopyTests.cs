using System.Collections.Immutable;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans;

namespace Orchestrator.EmbeddedSilo.Tests.Calls;

public sealed class DeepCopyTests
{
    public static TheoryData<object> ThatCannotChange => new()
    {
        "text", 1, 1.5m, Guid.Empty, DateTimeOffset.UnixEpoch, new Point(1, 2), new Named("a", ["b"]), ImmutableArray.Create("a"),
        ImmutableDictionary<string, Point>.Empty, new Uri("http://localhost"), typeof(string), StringComparer.Ordinal, new Tree("root", null), new Promised(),
    };

    public static TheoryData<object> ThatCanChange => new()
    {
        new List<int> { 1 }, new[] { 1 }, new Dictionary<string, int> { ["a"] = 1 }, new HashSet<string> { "a" }, new Mutable { Text = "a" },
        new Holder(new Mutable()), new Open(), (new List<int>(), 1),
    };

    [Theory]
    [MemberData(nameof(ThatCannotChange))]
    public void What_cannot_change_is_passed_as_it_is(object value) => Assert.Same(value, DeepCopy.Of(value));

    [Theory]
    [MemberData(nameof(ThatCanChange))]
    public void What_can_change_is_copied(object value)
    {
        var copy = DeepCopy.Of(value);
        Assert.NotSame(value, copy);
        Assert.Equivalent(value, copy, strict: true);
    }

    [Fact]
    public void A_copy_shares_nothing_that_can_change_at_any_depth()
    {
        var original = new Dictionary<string, List<Mutable>> { ["a"] = [new() { Text = "one" }] };
        var copy = DeepCopy.Of(original);
        original["a"][0].Text = "changed";
        original["a"].Add(new());
        Assert.Equal("one", Assert.Single(copy["a"]).Text);
    }

    [Fact]
    public void An_object_that_is_met_twice_is_copied_once_and_cycles_end()
    {
        var shared = new Mutable { Text = "shared" };
        shared.Next = shared;
        var copy = DeepCopy.Of(new[] { shared, shared });
        Assert.Same(copy[0], copy[1]);
        Assert.Same(copy[0], copy[0].Next);
        Assert.NotSame(shared, copy[0]);
    }

    [Fact]
    public void A_copied_table_finds_its_keys_with_the_comparer_it_had()
    {
        var copy = DeepCopy.Of(new Dictionary<string, Mutable>(StringComparer.OrdinalIgnoreCase) { ["Key"] = new() { Text = "value" } });
        Assert.Equal("value", copy["KEY"].Text);
        Assert.Contains(2, DeepCopy.Of(new HashSet<int> { 1, 2 }));
    }

    [Fact]
    public void What_no_copy_could_be_made_of_is_refused()
    {
        Assert.Throws<NotSupportedException>(() => DeepCopy.Of(new Dictionary<Mutable, int> { [new()] = 1 }));
        Assert.Throws<NotSupportedException>(() => DeepCopy.Of<object>(new Action(() => { })));
        Assert.Throws<NotSupportedException>(() => DeepCopy.Of(new List<Task> { Task.CompletedTask }));
    }

    public readonly record struct Point(int X, int Y);

    public sealed record Named(string Name, ImmutableArray<string> Tags);

    public sealed record Tree(string Name, Tree? Parent);

    public sealed record Holder(Mutable Inside);

    /// <summary>Not sealed: a class that derives from it may change.</summary>
    public record Open
    {
        public List<int> Numbers { get; init; } = [];
    }

    public sealed class Mutable
    {
        public string Text { get; set; } = "";

        public Mutable? Next { get; set; }
    }

    [Immutable]
    public sealed class Promised
    {
        public string Text { get; set; } = "";
    }
}
