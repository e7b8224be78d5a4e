using Orchestrator.Torture.Fuzzing;

namespace Orchestrator.Torture.Tests.Fuzzing;

/// <summary>Hostile input in small doses: 20,000 for each reader.</summary>
public sealed class FuzzTests
{
    private const int Inputs = 20_000, Seed = 20261126;

    public static TheoryData<string> Targets => new(FuzzTarget.All.Select(target => target.Name));

    [Theory]
    [MemberData(nameof(Targets))]
    public void Whatever_comes_in_is_read_by_its_rules(string target) =>
        Assert.Null(FuzzTarget.All.Single(each => each.Name == target).Run(Seed, Inputs));

    [NodeFact]
    public async Task Node_writes_what_the_writer_of_callbacks_does() => Assert.Null(await NodeFuzz.RunAsync(Seed, Inputs));

    [Fact]
    public void What_is_wrong_or_throws_is_found_with_the_seed_that_repeats_it()
    {
        var wrong = new FuzzTarget("wrong", random => random.Next(100) == 0 ? "it" : null).Run(1, 10_000);
        Assert.StartsWith("wrong, seed ", wrong, StringComparison.Ordinal);
        Assert.Contains("InvalidOperationException", new FuzzTarget("throws", _ => throw new InvalidOperationException()).Run(1, 1), StringComparison.Ordinal);
    }

    [Fact]
    public void Input_that_is_not_spoiled_is_taken_so_that_the_rules_are_looked_at() => Assert.True(RequestFuzz.TakesGood());
}
