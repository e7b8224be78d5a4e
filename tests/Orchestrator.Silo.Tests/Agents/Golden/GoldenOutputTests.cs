using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Tests.Agents.Golden;

/// <summary>
/// Recorded output of the real Claude Code 2.1.330, a folder for each case, and what is to be read from it. Cases under <c>hand-made</c> were written by hand: what a
/// crash, a full disk or an agent with other intentions may leave.
/// </summary>
public sealed class GoldenOutputTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Agents", "Golden");

    public static TheoryData<string> Cases { get; } =
        new(Directory.EnumerateFiles(Folder, "expected.json", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, Path.GetDirectoryName(path)!)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_recorded_output_is_read_as_expected(string name)
    {
        var folder = Path.Combine(Folder, name);
        var workerType = name.StartsWith("script", StringComparison.Ordinal) ? "script" : "auto";
        var options = new MachineOptions();
        var table = new AgentTable(BuiltInAgents.Rows(options), options, new(new Dictionary<string, string>(StringComparer.Ordinal)), TimeProvider.System);

        var report = table.ReadReport(workerType, folder, worktreePath: null);

        Assert.Equal(GoldenReport.Normalize(File.ReadAllText(Path.Combine(folder, "expected.json"))), GoldenReport.ToText(report));
    }

    [Fact]
    public void Every_folder_of_output_has_its_expectation()
    {
        var recorded = Directory.EnumerateFiles(Folder, "events.jsonl", SearchOption.AllDirectories).Select(Path.GetDirectoryName).Order(StringComparer.Ordinal).ToList();

        Assert.True(recorded.Count >= 12, $"Only {recorded.Count} recordings in {Folder}.");
        Assert.All(recorded, folder => Assert.True(File.Exists(Path.Combine(folder!, "expected.json")), $"{folder} has no expected.json."));
    }
}
