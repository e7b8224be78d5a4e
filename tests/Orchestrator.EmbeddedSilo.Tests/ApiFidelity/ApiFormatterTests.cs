namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>The formatter says of Orleans' own assemblies what the listing says of them, so what it says of ours can be trusted.</summary>
public sealed class ApiFormatterTests
{
    public static TheoryData<string> ListedTypesWhosePackageIsHere =>
        [.. ApiListing.Read("orleans-api.txt").Where(type => OrleansAssemblyResolver.PackageAssemblies.Contains(type.Assembly)).Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(ListedTypesWhosePackageIsHere))]
    public void A_type_read_from_its_package_reads_as_in_the_listing(string name)
    {
        var listed = ApiListing.Read("orleans-api.txt").Single(type => type.Name == name);
        var formatted = OrleansMetadata.Types[name];

        Assert.Equal(listed.Kind, formatted.Kind);
        Assert.Equal(listed.Bases.Order(StringComparer.Ordinal), HeadBases(formatted).Order(StringComparer.Ordinal));
        var lines = formatted.Members.Where(member => member.IsListed).Select(member => member.Line).ToArray();
        Assert.DoesNotContain(listed.Members.Except(lines), line => !HasChanged(line));
        Assert.DoesNotContain(lines.Except(listed.Members), line => !HasChanged(line) && !IsLeftOutOfTheListing(line));
    }

    private static IEnumerable<string> HeadBases(ApiType type) =>
        type.Kind == "interface" ? type.Interfaces : type.BaseClass is null || type.Kind == "enum" ? [] : [type.BaseClass];

    /// <summary>By its own header, published 10.4.2 has a few more overloads; and it shows nothing that is protected internal.</summary>
    private static bool IsLeftOutOfTheListing(string line) =>
        line.Contains("CancellationToken", StringComparison.Ordinal) || line.StartsWith("protected internal", StringComparison.Ordinal);

    /// <summary>Published 10.4.2 gives SiloAddress.GetUniformHashCodes an immutable array as its result, the listing a plain one.</summary>
    private static bool HasChanged(string line) => line.EndsWith(" GetUniformHashCodes(int numHashes)", StringComparison.Ordinal);
}
