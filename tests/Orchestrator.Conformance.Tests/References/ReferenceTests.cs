using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance.References;

public interface INobodyGrain : IGrainWithStringKey
{
    Task Nothing();
}

/// <summary>Two classes implement this.</summary>
public interface IGreeterGrain : IGrainWithStringKey
{
    Task<string> Greet();
}

/// <summary>One class implements this beside <see cref="IGreeterGrain" />.</summary>
public interface INamedGrain : IGrainWithStringKey
{
    Task SetName(string name);
}

public sealed class FriendlyGrain : Grain, IGreeterGrain, INamedGrain
{
    private string _name = "you";

    public Task<string> Greet() => Task.FromResult($"Hello {_name}");

    public Task SetName(string name)
    {
        _name = name;
        return Task.CompletedTask;
    }
}

public sealed class GrumpyGrain : Grain, IGreeterGrain
{
    public Task<string> Greet() => Task.FromResult("What");
}

[GenerateSerializer]
public sealed record Introduction(IPlainGrain Grain, List<IPlainGrain> Others);

/// <summary>Calls grains whose references it gets.</summary>
public interface IHostessGrain : IGrainWithStringKey
{
    Task<string> Meet(IPlainGrain grain);

    Task<List<string>> MeetAll(Introduction introduction);

    Task<IPlainGrain> Introduce(string key);

    Task<string> Greet(IGreeterGrain grain);

    Task Keep(IPlainGrain grain);

    Task<string> MeetKept();
}

public sealed class HostessGrain : Grain, IHostessGrain
{
    private IPlainGrain? _kept;

    public Task<string> Meet(IPlainGrain grain) => grain.Get(self => self.Key);

    public async Task<List<string>> MeetAll(Introduction introduction)
    {
        var keys = new List<string>();
        foreach (var grain in introduction.Others.Prepend(introduction.Grain)) keys.Add(await Meet(grain));
        return keys;
    }

    public Task<IPlainGrain> Introduce(string key) => Task.FromResult(GrainFactory.GetGrain<IPlainGrain>(key));

    public Task<string> Greet(IGreeterGrain grain) => grain.Greet();

    public Task Keep(IPlainGrain grain)
    {
        _kept = grain;
        return Task.CompletedTask;
    }

    public Task<string> MeetKept() => Meet(_kept!);
}

/// <summary>References, keys and the classes behind interfaces.</summary>
public sealed class ReferenceTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public void Two_references_to_one_grain_are_equal()
    {
        var key = SiloFixture.NewKey();
        var (first, second) = (silo.Grains.GetGrain<IPlainGrain>(key), silo.Grains.GetGrain<IPlainGrain>(key));
        Assert.Equal(first, second);
        Assert.Equal(first.GetHashCode(), second.GetHashCode());
        Assert.Equal(first.GetGrainId(), second.GetGrainId());
    }

    [Fact]
    public void References_to_other_keys_or_classes_are_not_equal()
    {
        var key = SiloFixture.NewKey();
        var grain = silo.Grains.GetGrain<IPlainGrain>(key);
        Assert.NotEqual(grain, silo.Grains.GetGrain<IPlainGrain>(key + "x"));
        Assert.NotEqual<object>(grain, silo.Grains.GetGrain<IReentrantGrain>(key));
        Assert.NotEqual(grain.GetGrainId(), silo.Grains.GetGrain<IReentrantGrain>(key).GetGrainId());
    }

    [Fact]
    public void Making_a_reference_does_not_activate_the_grain()
    {
        var (_, probe) = silo.New<IPlainGrain>();
        Assert.Empty(probe.Log);
    }

    [Theory]
    [InlineData("a/b/c")]
    [InlineData("a+b#c?d=e&f%20g\\h")]
    [InlineData(" with spaces ")]
    [InlineData("ä€😀 和平")]
    [InlineData("line\nbreak")]
    [InlineData("plain/key")]
    public async Task A_key_may_be_any_text(string key)
    {
        var grain = silo.Grains.GetGrain<IPlainGrain>(key);
        Assert.Equal(key, grain.GetPrimaryKeyString());
        Assert.Equal(key, await grain.Get(self => self.Key));
    }

    [Fact]
    public async Task A_key_may_be_long()
    {
        var key = new string('k', 5000);
        Assert.Equal(5000, await silo.Grains.GetGrain<IPlainGrain>(key).Get(self => self.Key.Length));
    }

    [Fact]
    public async Task Keys_that_differ_in_case_are_two_grains()
    {
        var key = SiloFixture.NewKey();
        Assert.NotEqual(
            await silo.Grains.GetGrain<IPlainGrain>(key + "a").Activation(), await silo.Grains.GetGrain<IPlainGrain>(key + "A").Activation());
    }

    [Fact]
    public void A_key_must_not_be_null_or_blank()
    {
        Assert.Throws<ArgumentNullException>(() => silo.Grains.GetGrain<IPlainGrain>((string)null!));
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<IPlainGrain>(""));
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<IPlainGrain>(" "));
    }

    [Fact]
    public void An_interface_without_a_class_is_refused() =>
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<INobodyGrain>("key"));

    [Fact]
    public void An_interface_with_two_classes_is_refused_without_a_hint() =>
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<IGreeterGrain>("key"));

    [Fact]
    public async Task A_prefix_of_the_class_name_says_which_class_is_meant()
    {
        const string Namespace = "Orchestrator.Conformance.References.";
        Assert.Equal("Hello you", await silo.Grains.GetGrain<IGreeterGrain>(SiloFixture.NewKey(), Namespace + "Friendly").Greet());
        Assert.Equal("What", await silo.Grains.GetGrain<IGreeterGrain>(SiloFixture.NewKey(), Namespace + "GrumpyGrain").Greet());
    }

    [Fact]
    public void A_prefix_that_fits_no_class_is_refused() =>
        Assert.Throws<ArgumentException>(() => silo.Grains.GetGrain<IGreeterGrain>("key", "Somewhere.Else"));

    [Fact]
    public async Task A_reference_can_be_seen_as_another_interface_of_the_same_grain()
    {
        var (named, _) = silo.New<INamedGrain>();
        await named.SetName("Ada");
        var greeter = named.AsReference<IGreeterGrain>();
        Assert.Equal("Hello Ada", await greeter.Greet());
        Assert.Equal(named.GetGrainId(), greeter.GetGrainId());
    }

    [Fact]
    public async Task A_grain_id_is_enough_to_make_a_reference()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var again = silo.Grains.GetGrain<IPlainGrain>(GrainId.Parse(grain.GetGrainId().ToString()));
        Assert.Equal(grain, again);
        Assert.Equal(await grain.Activation(), await again.Activation());
    }

    [Fact]
    public async Task A_reference_can_be_made_from_the_interface_s_type()
    {
        var key = SiloFixture.NewKey();
        var grain = (IPlainGrain)silo.Grains.GetGrain(typeof(IPlainGrain), key);
        Assert.Equal(key, await grain.Get(self => self.Key));
    }

    [Fact]
    public async Task A_reference_is_an_argument_that_can_be_called()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var (hostess, _) = silo.New<IHostessGrain>();
        Assert.Equal(grain.GetPrimaryKeyString(), await hostess.Meet(grain));
    }

    [Fact]
    public async Task A_reference_can_be_a_member_of_an_argument()
    {
        var (first, _) = silo.New<IPlainGrain>();
        var (second, _) = silo.New<IPlainGrain>();
        var (hostess, _) = silo.New<IHostessGrain>();
        Assert.Equal([first.GetPrimaryKeyString(), second.GetPrimaryKeyString()], await hostess.MeetAll(new(first, [second])));
    }

    [Fact]
    public async Task A_reference_is_a_result_that_equals_one_s_own()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var (hostess, _) = silo.New<IHostessGrain>();
        var introduced = await hostess.Introduce(grain.GetPrimaryKeyString());
        Assert.Equal(grain, introduced);
        Assert.Equal(await grain.Activation(), await introduced.Activation());
    }

    [Fact]
    public async Task A_reference_that_a_grain_keeps_reaches_the_next_activation()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var (hostess, _) = silo.New<IHostessGrain>();
        await hostess.Keep(grain);
        await hostess.MeetKept();
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated");
        Assert.Equal(grain.GetPrimaryKeyString(), await hostess.MeetKept());
        Assert.Equal(2, probe.CountOf("constructed"));
    }

    [Fact]
    public async Task A_grain_hands_itself_on_by_AsReference()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var (hostess, _) = silo.New<IHostessGrain>();
        IPlainGrain? itself = null;
        await grain.Do(async self =>
        {
            itself = self.AsReference<IPlainGrain>();
            await hostess.Keep(itself);
        });
        Assert.Equal(grain, itself);
        Assert.Equal(grain.GetPrimaryKeyString(), await hostess.MeetKept());
    }

    [Fact]
    public async Task A_grain_knows_its_own_id()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        Assert.Equal(grain.GetGrainId(), await grain.Get(self => self.GetGrainId()));
    }
}
