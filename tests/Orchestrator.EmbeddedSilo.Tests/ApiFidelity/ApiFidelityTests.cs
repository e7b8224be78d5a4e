using Orleans;
using Xunit.Abstractions;

namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>Code that is written against our assembly compiles against Orleans 10, because nothing of ours is called or shaped otherwise.</summary>
public sealed class ApiFidelityTests(ITestOutputHelper output)
{
    private static readonly Type[] PublicTypes = typeof(Grain).Assembly.GetExportedTypes();

    private static readonly ApiType[] TypesOfOrleans = [.. PublicTypes.Where(IsInNamespaceOfOrleans).Select(ApiFormatter.Format)];

    private static readonly ApiDifference[] Differences = [.. TypesOfOrleans.SelectMany(Compare)];

    [Fact]
    public void Every_type_and_member_in_a_namespace_of_Orleans_is_as_in_Orleans_10()
    {
        output.WriteLine($"{TypesOfOrleans.Length} types with {TypesOfOrleans.Sum(type => type.Members.Count)} members, "
            + $"{TypesOfOrleans.Count(type => OrleansMetadata.Types.ContainsKey(type.Name))} of the types against their package as well.");
        Assert.Contains(TypesOfOrleans, type => type.Name == "Orleans.Grain");
        var unknown = Differences.Where(difference => !KnownDifferences.Reasons.ContainsKey(difference.Key)).ToArray();
        Assert.True(unknown.Length == 0,
            $"{unknown.Length} differences from Orleans 10. Make ours as Orleans', or give a reason in {nameof(KnownDifferences)}:"
            + string.Concat(unknown.Select(difference => $"{Environment.NewLine}{difference}")));
    }

    [Fact]
    public void Every_known_difference_is_still_there()
    {
        var keys = Differences.Select(difference => difference.Key).ToHashSet(StringComparer.Ordinal);
        Assert.DoesNotContain(KnownDifferences.Reasons.Keys, key => !keys.Contains(key));
    }

    [Fact]
    public void Every_known_difference_has_a_reason() => Assert.All(KnownDifferences.Reasons, known => Assert.EndsWith(".", known.Value, StringComparison.Ordinal));

    [Fact]
    public void Public_types_that_Orleans_does_not_have_live_in_our_own_namespace() =>
        Assert.All(PublicTypes.Where(type => !IsInNamespaceOfOrleans(type)), type => Assert.True(
            type.Namespace == "Orchestrator.EmbeddedSilo" || type.Namespace?.StartsWith("Orchestrator.EmbeddedSilo.", StringComparison.Ordinal) == true,
            $"{type} is public, and neither in a namespace of Orleans nor in Orchestrator.EmbeddedSilo."));

    private static IEnumerable<ApiDifference> Compare(ApiType ours) => ApiComparison.Compare(
        ours,
        [.. ApiListing.All.Where(listed => listed.Name == ours.Name)],
        OrleansMetadata.Types.GetValueOrDefault(ours.Name));

    private static bool IsInNamespaceOfOrleans(Type type) =>
        type.Namespace is "Orleans" or "Microsoft.Extensions.Hosting" || type.Namespace?.StartsWith("Orleans.", StringComparison.Ordinal) == true;
}
