namespace Orchestrator.Conformance.Isolation;

/// <summary>Caller and grain share nothing that can change: neither sees what the other does with a value after it was sent.</summary>
public sealed class IsolationTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task A_list_is_copied()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        List<int> list = [1];
        await grain.PutList(list);
        list.Add(2);
        var got = await grain.GetList();
        Assert.Equal([1], got);
        got.Add(3);
        Assert.Equal([1], await grain.GetList());
    }

    [Fact]
    public async Task A_list_is_copied_when_the_call_is_sent_not_when_it_runs()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        List<int> list = [1];
        var call = grain.PutList(list);
        list.Add(2);
        await call;
        Assert.Equal([1], await grain.GetList());
    }

    [Fact]
    public async Task An_array_is_copied()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        int[] array = [1, 2];
        await grain.PutArray(array);
        array[0] = 9;
        var got = await grain.GetArray();
        Assert.Equal([1, 2], got);
        got[0] = 9;
        Assert.Equal(1, (await grain.GetArray())[0]);
    }

    [Fact]
    public async Task A_dictionary_is_copied_with_its_values()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        Dictionary<string, List<int>> dictionary = new(StringComparer.Ordinal) { ["a"] = [1] };
        await grain.PutDictionary(dictionary);
        dictionary["a"].Add(2);
        dictionary["b"] = [];
        var got = await grain.GetDictionary();
        Assert.Equal([1], Assert.Single(got).Value);
        got["a"].Add(3);
        got.Clear();
        Assert.Equal([1], (await grain.GetDictionary())["a"]);
    }

    [Fact]
    public async Task A_dictionary_keeps_its_comparer()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        await grain.PutDictionary(new(StringComparer.OrdinalIgnoreCase) { ["a"] = [1] });
        Assert.True((await grain.GetDictionary()).ContainsKey("A"));
    }

    [Fact]
    public async Task An_object_is_copied_with_all_that_hangs_on_it()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var box = new Box { Label = "outer", Inner = { new() { Label = "inner", Inner = { new() { Label = "innermost" } } } } };
        await grain.PutBox(box);
        box.Label = "changed";
        box.Inner[0].Inner[0].Label = "changed";
        box.Inner.Clear();
        var got = await grain.GetBox();
        Assert.Equal(("outer", "innermost"), (got.Label, got.Inner[0].Inner[0].Label));
        got.Inner[0].Inner[0].Label = "changed";
        Assert.Equal("innermost", (await grain.GetBox()).Inner[0].Inner[0].Label);
    }

    [Fact]
    public async Task An_object_that_occurs_twice_is_one_object_afterwards_too()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var shared = new Box { Label = "shared" };
        await grain.PutBox(new() { Inner = { shared, shared }, Other = shared });
        var got = await grain.GetBox();
        Assert.Same(got.Inner[0], got.Inner[1]);
        Assert.Same(got.Inner[0], got.Other);
    }

    [Fact]
    public async Task Objects_may_refer_to_each_other_in_a_circle()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var box = new Box { Label = "circle" };
        box.Other = new() { Other = box };
        await grain.PutBox(box);
        var got = await grain.GetBox();
        Assert.NotSame(box, got);
        Assert.Same(got, got.Other!.Other);
    }

    [Fact]
    public async Task A_record_s_mutable_members_are_copied()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var label = new Label("text", [1]);
        await grain.PutLabel(label);
        label.Numbers[0] = 9;
        Assert.Equal(1, (await grain.GetLabel()).Numbers[0]);
    }

    [Fact]
    public async Task A_derived_object_stays_what_it_is_and_is_copied_whole()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var label = new LongLabel("text", [1], ["more"]);
        await grain.PutLabel(label);
        label.More.Add("still more");
        Assert.Equal(["more"], Assert.IsType<LongLabel>(await grain.GetLabel()).More);
    }

    [Fact]
    public async Task A_struct_s_mutable_members_are_copied()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var pair = new Pair { Number = 1, Numbers = [1] };
        await grain.PutPair(pair);
        pair.Numbers.Add(2);
        var got = await grain.GetPair();
        Assert.Equal(1, got.Number);
        Assert.Equal([1], got.Numbers);
    }

    [Fact]
    public async Task A_type_with_Immutable_is_passed_as_it_is()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var value = new Sealed { Numbers = { 1 } };
        await grain.PutSealed(value);
        Assert.Same(value, await grain.GetSealed());
    }

    [Fact]
    public async Task An_immutable_collection_arrives()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        await grain.PutImmutable([1, 2]);
        Assert.Equal([1, 2], await grain.GetImmutable());
    }

    [Fact]
    public async Task The_items_of_a_stream_are_copied()
    {
        var (grain, _) = silo.New<IBoxGrain>();
        var items = new List<List<int>>();
        await foreach (var item in grain.ListAgainAndAgain(2))
        {
            item.Add(9);
            items.Add(item);
        }

        Assert.NotSame(items[0], items[1]);
        Assert.Equal([0, 1], await grain.GetList());
    }

    [Fact]
    public async Task Grains_share_nothing_with_each_other_either()
    {
        var (caller, _) = silo.New<IPlainGrain>();
        var (grain, _) = silo.New<IBoxGrain>();
        await caller.Do(async _ =>
        {
            List<int> list = [1];
            await grain.PutList(list);
            list.Add(2);
            (await grain.GetList()).Add(3);
        });
        Assert.Equal([1], await grain.GetList());
    }
}
