using System.Collections.Immutable;
using Orleans;

namespace Orchestrator.Conformance.Isolation;

[GenerateSerializer]
public sealed class Box
{
    [Id(0)]
    public string Label { get; set; } = "";

    [Id(1)]
    public List<Box> Inner { get; set; } = [];

    [Id(2)]
    public Box? Other { get; set; }
}

[GenerateSerializer]
public record Label(string Text, int[] Numbers);

[GenerateSerializer]
public sealed record LongLabel(string Text, int[] Numbers, List<string> More) : Label(Text, Numbers);

[GenerateSerializer]
public struct Pair
{
    [Id(0)]
    public int Number { get; set; }

    [Id(1)]
    public List<int> Numbers { get; set; }
}

/// <summary>Promised not to change: may be shared.</summary>
[Immutable]
[GenerateSerializer]
public sealed class Sealed
{
    [Id(0)]
    public List<int> Numbers { get; set; } = [];
}

/// <summary>Keeps what it gets, and gives what it keeps.</summary>
public interface IBoxGrain : IGrainWithStringKey
{
    Task PutList(List<int> list);

    Task<List<int>> GetList();

    Task PutArray(int[] array);

    Task<int[]> GetArray();

    Task PutDictionary(Dictionary<string, List<int>> dictionary);

    Task<Dictionary<string, List<int>>> GetDictionary();

    Task PutBox(Box box);

    Task<Box> GetBox();

    Task PutLabel(Label label);

    Task<Label> GetLabel();

    Task PutPair(Pair pair);

    Task<Pair> GetPair();

    Task PutSealed(Sealed value);

    Task<Sealed> GetSealed();

    Task PutImmutable(ImmutableList<int> list);

    Task<ImmutableList<int>> GetImmutable();

    IAsyncEnumerable<List<int>> ListAgainAndAgain(int times);
}

public sealed class BoxGrain : Grain, IBoxGrain
{
    private List<int> _list = [];
    private int[] _array = [];
    private Dictionary<string, List<int>> _dictionary = [];
    private Box _box = new();
    private Label _label = new("", []);
    private Pair _pair;
    private Sealed _sealed = new();
    private ImmutableList<int> _immutable = [];

    public Task PutList(List<int> list)
    {
        _list = list;
        return Task.CompletedTask;
    }

    public Task<List<int>> GetList() => Task.FromResult(_list);

    public Task PutArray(int[] array)
    {
        _array = array;
        return Task.CompletedTask;
    }

    public Task<int[]> GetArray() => Task.FromResult(_array);

    public Task PutDictionary(Dictionary<string, List<int>> dictionary)
    {
        _dictionary = dictionary;
        return Task.CompletedTask;
    }

    public Task<Dictionary<string, List<int>>> GetDictionary() => Task.FromResult(_dictionary);

    public Task PutBox(Box box)
    {
        _box = box;
        return Task.CompletedTask;
    }

    public Task<Box> GetBox() => Task.FromResult(_box);

    public Task PutLabel(Label label)
    {
        _label = label;
        return Task.CompletedTask;
    }

    public Task<Label> GetLabel() => Task.FromResult(_label);

    public Task PutPair(Pair pair)
    {
        _pair = pair;
        return Task.CompletedTask;
    }

    public Task<Pair> GetPair() => Task.FromResult(_pair);

    public Task PutSealed(Sealed value)
    {
        _sealed = value;
        return Task.CompletedTask;
    }

    public Task<Sealed> GetSealed() => Task.FromResult(_sealed);

    public Task PutImmutable(ImmutableList<int> list)
    {
        _immutable = list;
        return Task.CompletedTask;
    }

    public Task<ImmutableList<int>> GetImmutable() => Task.FromResult(_immutable);

    public async IAsyncEnumerable<List<int>> ListAgainAndAgain(int times)
    {
        for (var i = 0; i < times; i++)
        {
            _list.Add(i);
            await Task.Yield();
            yield return _list;
        }
    }
}
