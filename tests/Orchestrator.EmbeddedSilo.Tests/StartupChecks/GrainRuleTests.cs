using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.StartupChecks;

public sealed class GrainRuleTests
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    /// <summary>What breaks a rule: source, and what the one finding says.</summary>
    public static TheoryData<string, string> BrokenInterfaces => new()
    {
        { "interface IBad : IGrainWithStringKey { int M(); }", "Bad.IBad.M returns System.Int32; a grain method must return Task, Task<T>, ValueTask" },
        { "interface IBad : IGrainWithStringKey { void M(); }", "Bad.IBad.M returns System.Void; a grain method must return" },
        { "interface IBad : IGrainWithStringKey { List<int> M(); }", "Bad.IBad.M returns System.Collections.Generic.List`1[System.Int32]; a grain method must return" },
        { "interface IBad : IGrainWithStringKey { IEnumerable<int> M(); }", "Bad.IBad.M returns System.Collections.Generic.IEnumerable`1[System.Int32]; a grain method must" },
        { "interface IBad : IGrainWithStringKey { Task M<T>(T x); }", "Bad.IBad.M: a grain method must not be generic." },
        { "interface IBad<T> : IGrainWithStringKey { Task M(T x); } class A : Grain, IBad<int> { public Task M(int x) => Task.CompletedTask; }", "Bad.IBad`1[T]: a grain interface must not be generic." },
        { "interface IBad : IGrainWithStringKey { Task M(ref int x); }", "Bad.IBad.M, parameter x: ref, in and out cannot travel." },
        { "interface IBad : IGrainWithStringKey { Task M(out int x); }", "Bad.IBad.M, parameter x: ref, in and out cannot travel." },
        { "interface IBad : IGrainWithStringKey { Task M(in int x); }", "Bad.IBad.M, parameter x: ref, in and out cannot travel." },
        { "interface IBad : IGrainWithStringKey { int P { get; } }", "Bad.IBad.P: a grain interface may have methods only, no properties or events." },
        { "interface IBad : IGrainWithStringKey { int P { get; set; } }", "Bad.IBad.P: a grain interface may have methods only, no properties or events." },
        { "interface IBad : IGrainWithStringKey { string this[int i] { get; } }", "Bad.IBad.Item: a grain interface may have methods only, no properties or events." },
        { "interface IBad : IGrainWithStringKey { event Action E; }", "Bad.IBad.E: a grain interface may have methods only, no properties or events." },
        { "interface IPlain { int P { get; } } interface IBad : IPlain, IGrainWithStringKey;", "Bad.IBad.P: a grain interface may have methods only, no properties or events." },
        { "interface IPlain<T> { T M(); } interface IBad : IPlain<int>, IGrainWithStringKey;", "Bad.IBad.M returns System.Int32; a grain method must return" },
        { "interface IBad : IGrainWithStringKey { Task M(CancellationToken ct, int x); }", "Bad.IBad.M, parameter ct: a CancellationToken must be the only one and the last parameter." },
        { "interface IBad : IGrainWithStringKey { Task M(CancellationToken a, CancellationToken b); }", "Bad.IBad.M, parameter a: a CancellationToken must be the only one and the last parameter." },
        { "interface IBad : IGrainWithStringKey { [OneWay] Task<int> M(); }", "Bad.IBad.M is [OneWay] and returns System.Threading.Tasks.Task`1[System.Int32]; nobody waits for its result" },
        { "interface IBad : IGrainWithStringKey { [OneWay] IAsyncEnumerable<int> M(); }", "Bad.IBad.M is [OneWay] and returns" },
        { "interface IBad : IGrain { Task M(); }", "Bad.IBad: a grain interface must derive from IGrainWithStringKey." },
        { "class Outer { interface IBad : IGrainWithStringKey { Task M(); } internal class A : Grain, IBad { public Task M() => Task.CompletedTask; } }", "Bad.Outer+IBad: generated code cannot name it. A grain interface must be public or internal" },
        { "file interface IBad : IGrainWithStringKey { Task M(); } class A : Grain, ISound { public Task M() => Task.CompletedTask; } class B : Grain, ISound2 { public Task M() => Task.CompletedTask; } interface ISound : IGrainWithStringKey; interface ISound2 : IGrain;", "Bad.ISound2: a grain interface must derive from IGrainWithStringKey." },
    };

    public static TheoryData<string, string> BrokenTypes => new()
    {
        { "class T1 { } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1, parameter x of Bad.IBad.M: a type that travels to or from grains must be a primitive, a known collection or carry [GenerateSerializer]." },
        { "struct T1 { } interface IBad : IGrainWithStringKey { Task M(T1? x); }", "Bad.T1, parameter x of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { Task<T1> M(); }", "Bad.T1, the result of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { ValueTask<T1> M(); }", "Bad.T1, the result of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { IAsyncEnumerable<T1> M(); }", "Bad.T1, the result of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { Task M(List<T1> x); }", "Bad.T1, parameter x of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { Task M(T1[][] x); }", "Bad.T1, parameter x of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { Task M(ImmutableDictionary<string, IReadOnlyList<T1>> x); }", "Bad.T1, parameter x of Bad.IBad.M: a type that travels" },
        { "record T1(int A); interface IBad : IGrainWithStringKey { Task M((int, T1) x); }", "Bad.T1, parameter x of Bad.IBad.M: a type that travels" },
        { "record T1(int A); [GenerateSerializer] record T2(T1 Inner); interface IBad : IGrainWithStringKey { Task M(T2 x); }", "Bad.T1, member Inner of Bad.T2: a type that travels" },
        { "class T1 { } [GenerateSerializer] class T2 : T1 { } interface IBad : IGrainWithStringKey { Task M(T2 x); }", "Bad.T1, the base of Bad.T2: a type that travels" },
        { "record T1(int A); [GenerateSerializer] record Page<T>(T[] Items); interface IBad : IGrainWithStringKey { Task M(Page<T1> x); }", "Bad.T1, member Items of Bad.Page`1[Bad.T1]: a type that travels" },
        { "[GenerateSerializer] class T1 { public int A { get; set; } } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1.A has no [Id(n)]: members of a [GenerateSerializer] type need one" },
        { "[GenerateSerializer] class T1 { public int A; } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1.A has no [Id(n)]" },
        { "[GenerateSerializer] struct T1 { public int A; } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1.A has no [Id(n)]" },
        { "[GenerateSerializer] record T1(int A) { public int B { get; init; } } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1.B has no [Id(n)]" },
        { "[GenerateSerializer] record T1 { public T1(int a, int b) => B = a + b; public int B { get; init; } } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1.B has no [Id(n)]" },
        { "[GenerateSerializer] class T1 { [Id(3)] public int A { get; set; } [Id(3)] public int B { get; set; } } interface IBad : IGrainWithStringKey { Task M(T1 x); }", "Bad.T1.B has [Id(3)], which A has as well." },
        { "interface IBad : IGrainWithStringKey { Task M(Func<int> x); }", "System.Func`1[System.Int32], parameter x of Bad.IBad.M: a type that travels" },
        { "interface IBad : IGrainWithStringKey { Task M(IAsyncEnumerable<int> x); }", "System.Collections.Generic.IAsyncEnumerable`1[System.Int32], parameter x of Bad.IBad.M: a type that travels" },
        { "interface IBad : IGrainWithStringKey { Task<Task> M(); }", "System.Threading.Tasks.Task, the result of Bad.IBad.M: a type that travels" },
    };

    public static TheoryData<string, string> BrokenClasses => new()
    {
        { "class A : Grain { }", "Bad.A implements no grain interface, so nobody could call it." },
        { "class A : Grain, IRemindable { public Task ReceiveReminder(string n, TickStatus s) => Task.CompletedTask; }", "Bad.A implements no grain interface, so nobody could call it." },
        { "class A : IOk { public Task M() => Task.CompletedTask; }", "Bad.A must derive from Grain or implement IGrainBase." },
        { "class A<T> : Grain, IOk { public Task M() => Task.CompletedTask; }", "Bad.A`1[T]: a grain class must not be generic." },
        { "class A : Grain, IOk { public A() { } public A(int x) => _ = x; public Task M() => Task.CompletedTask; }", "Bad.A must have one public constructor." },
        { "class A : Grain, IOk { private A() { } public Task M() => Task.CompletedTask; }", "Bad.A must have one public constructor." },
        { "class FooGrain : Grain, IOk { public Task M() => Task.CompletedTask; } class Foo : Grain, IOk { public Task M() => Task.CompletedTask; }", "Grain type 'foo' is the name of Bad.Foo and of Bad.FooGrain: give one of them another by [GrainType" },
        { "[GrainType(\"a\")] class B : Grain, IOk { public Task M() => Task.CompletedTask; } class A : Grain, IOk { public Task M() => Task.CompletedTask; }", "Grain type 'a' is the name of Bad.A and of Bad.B" },
        { "[MayInterleave(\"Nope\")] class A : Grain, IOk { public Task M() => Task.CompletedTask; }", "Bad.A carries [MayInterleave(\"Nope\")] but has no method 'static bool Nope(IInvokable)'." },
        { "[MayInterleave(nameof(P))] class A : Grain, IOk { public Task M() => Task.CompletedTask; public bool P(IInvokable i) => true; }", "Bad.A carries [MayInterleave(\"P\")] but has no method 'static bool P(IInvokable)'." },
        { "[MayInterleave(nameof(P))] class A : Grain, IOk { public Task M() => Task.CompletedTask; public static int P(IInvokable i) => 1; }", "Bad.A carries [MayInterleave(\"P\")] but has no method" },
    };

    public static TheoryData<string, string> BrokenStates => new()
    {
        { Class("A", "[PersistentState(\"s\")] IPersistentState<S> a") + Class("B", "[PersistentState(\"s\")] IPersistentState<S> b"), "State name 's' of parameter b of Bad.B's constructor is already used by parameter a of Bad.A's constructor; a state name belongs to one grain class." },
        { Class("A", "[PersistentState(\"s\")] IPersistentState<S> a, [PersistentState(\"s\")] IPersistentState<S> b"), "State name 's' of parameter b of Bad.A's constructor is already used by parameter a of Bad.A's constructor" },
        { Class("A", "[PersistentState(\"s\")] IPersistentState<S> a, [PersistentState(\"S\")] IPersistentState<S> b"), "State name 'S' of parameter b of Bad.A's constructor is already used by parameter a" },
        { Class("A", "[PersistentState(\"\")] IPersistentState<S> a"), "parameter a of Bad.A's constructor has an empty state name." },
        { Class("A", "[PersistentState(\" \")] IPersistentState<S> a"), "parameter a of Bad.A's constructor has an empty state name." },
        { Class("A", "[PersistentState(\"s\")] S a"), "parameter a of Bad.A's constructor carries [PersistentState] but is no IPersistentState<T>." },
        { Class("A", "[PersistentState(\"s\")] List<S> a"), "parameter a of Bad.A's constructor carries [PersistentState] but is no IPersistentState<T>." },
        { Class("A", "[PersistentState(\"s\", \"elsewhere\")] IPersistentState<S> a"), "parameter a of Bad.A's constructor asks for storage 'elsewhere', which is not configured: call AddSqliteGrainStorage(\"elsewhere\")" },
        { "record V(int A) { public int SchemaVersion { get; init; } = 2; }" + Class("A", "[PersistentState(\"s\")] IPersistentState<V> a"), "Bad.V, the state of parameter a of Bad.A's constructor, has a SchemaVersion and needs a parameterless constructor" },
    };

    [Theory]
    [MemberData(nameof(BrokenInterfaces))]
    public Task A_broken_interface_stops_the_start_with_its_type_member_and_rule(string source, string finding) => StopsWithAsync(source, finding);

    [Theory]
    [MemberData(nameof(BrokenTypes))]
    public Task A_type_that_cannot_travel_stops_the_start_with_the_place_where_it_would(string source, string finding) => StopsWithAsync(source, finding);

    [Theory]
    [MemberData(nameof(BrokenClasses))]
    public Task A_broken_class_stops_the_start_with_its_name_and_rule(string source, string finding) => StopsWithAsync(source, finding);

    [Theory]
    [MemberData(nameof(BrokenStates))]
    public Task A_broken_state_stops_the_start_with_its_parameter_and_rule(string source, string finding) => StopsWithAsync(source, finding);

    [Fact]
    public async Task All_findings_are_reported_at_once()
    {
        var message = await MessageOfStartAsync(
            """
            namespace Bad;
            record T1(int A);
            interface IOne : IGrainWithStringKey { int M(); Task N(T1 x); }
            interface ITwo : IGrain { Task M(ref int x); }
            [MayInterleave("Nope")] class A([PersistentState("s", "x")] IPersistentState<int> s) : Grain, IThree { public Task M() { _ = s; return Task.CompletedTask; } }
            interface IThree : IGrainWithStringKey { Task M(); }
            class AGrain : Grain, IThree { public Task M() => Task.CompletedTask; }
            """);
        string[] expected =
        [
            "Bad.IOne.M returns System.Int32", "Bad.T1, parameter x of Bad.IOne.N", "Bad.ITwo: a grain interface must derive", "Bad.ITwo.M, parameter x: ref",
            "Bad.A carries [MayInterleave", "storage 'x', which is not configured", "Grain type 'a' is the name of",
        ];
        Assert.StartsWith($"The silo does not start: {expected.Length} rule(s) of grains are broken.", message, StringComparison.Ordinal);
        Assert.All(expected, finding => Assert.Contains("\n- " + finding, message.Replace("\n- parameter s of Bad.A's constructor asks for ", "\n- ", StringComparison.Ordinal), StringComparison.Ordinal));
    }

    [Fact]
    public async Task All_allowed_shapes_start()
    {
        using var grains = CompiledGrains.Compile(
            """
            namespace Good;
            public enum Color { Red, Green }
            [GenerateSerializer] public enum Shade { Light }
            [GenerateSerializer] public sealed record Positional(int A, string? B, Color C, Positional? Next);
            [GenerateSerializer] public record Base(int A);
            [GenerateSerializer] public sealed record Derived(int A, int B) : Base(A);
            [GenerateSerializer] public readonly record struct Point(double X, double Y);
            [GenerateSerializer] public sealed record WithBody(int A) { [Id(0)] public string B { get; init; } = ""; public int Twice => A * 2; }
            [GenerateSerializer] public sealed class WithIds { [Id(0)] public int A { get; set; } [Id(1)] public string? B; [NonSerialized] public object? Cache; public const int Max = 3; public static int Count; }
            [GenerateSerializer] public sealed record Page<T>(ImmutableArray<T> Items, int Total);
            [GenerateSerializer] public struct Plain { [Id(0)] public long A; }
            public sealed class OddException(string message) : Exception(message);
            public interface IOther : IGrainWithStringKey { Task<string> Name(); }
            public interface IAll : IGrainWithStringKey, IRemindable
            {
                Task None();
                Task<int> Primitives(bool a, byte b, char c, double d, decimal e, string f, Guid g, DateTimeOffset h, TimeSpan i, DateOnly j, Uri k, object l, CancellationToken ct);
                Task<Positional> Positional(Positional x, Derived y, Point z, Point? w, WithBody v, Plain u);
                ValueTask<WithIds> Ids(WithIds x, Page<Positional> y);
                ValueTask Tuples((int A, string B) x, Tuple<int, Point> y, KeyValuePair<string, Color> z);
                Task<int[]> Arrays(byte[] x, Point[][] y, Color?[] z, Memory<byte> m);
                Task<List<Positional>> Collections(Dictionary<string, WithIds> a, HashSet<int> b, IReadOnlyList<Point> c, IReadOnlyDictionary<string, Point[]> d, Queue<int> e, IEnumerable<int> f);
                Task<ImmutableArray<Point>> Immutables(ImmutableList<int> a, ImmutableDictionary<string, Positional> b, ImmutableHashSet<Color> c, ImmutableSortedSet<int> d);
                Task<Exception> Exceptions(Exception a, OddException b, AggregateException c);
                Task<IOther> References(IOther a, List<IOther> b, IGrain c, IAll d, GrainId e);
                IAsyncEnumerable<Positional> Stream(Color x, Shade y, CancellationToken ct);
                IAsyncEnumerable<int> StreamWithoutToken();
                [OneWay] Task OneWayTask(int x);
                [OneWay] ValueTask OneWayValueTask();
                [ReadOnly] Task<int> Read();
                [AlwaysInterleave] Task<int> Interleaved();
            }
            [MayInterleave(nameof(May))]
            public sealed class AllGrain([PersistentState("all")] IPersistentState<WithIds> state, [PersistentState("more")] IPersistentState<Positional> more, IServiceProvider services, IGrainContext context) : Grain, IAll
            {
                public static bool May(IInvokable request) => request.GetMethodName() == "x";
                public Task None() { _ = (state, more, services, context); return Task.CompletedTask; }
                public Task<int> Primitives(bool a, byte b, char c, double d, decimal e, string f, Guid g, DateTimeOffset h, TimeSpan i, DateOnly j, Uri k, object l, CancellationToken ct) => Task.FromResult(b + f.Length);
                public Task<Positional> Positional(Positional x, Derived y, Point z, Point? w, WithBody v, Plain u) => Task.FromResult(x with { A = y.B + v.Twice });
                public ValueTask<WithIds> Ids(WithIds x, Page<Positional> y) => new(x);
                public ValueTask Tuples((int A, string B) x, Tuple<int, Point> y, KeyValuePair<string, Color> z) => default;
                public Task<int[]> Arrays(byte[] x, Point[][] y, Color?[] z, Memory<byte> m) => Task.FromResult(new int[] { x.Length, y[0].Length });
                public Task<List<Positional>> Collections(Dictionary<string, WithIds> a, HashSet<int> b, IReadOnlyList<Point> c, IReadOnlyDictionary<string, Point[]> d, Queue<int> e, IEnumerable<int> f) => Task.FromResult(new List<Positional>());
                public Task<ImmutableArray<Point>> Immutables(ImmutableList<int> a, ImmutableDictionary<string, Positional> b, ImmutableHashSet<Color> c, ImmutableSortedSet<int> d) => Task.FromResult(ImmutableArray.Create(new Point(1, 2)));
                public Task<Exception> Exceptions(Exception a, OddException b, AggregateException c) => Task.FromResult(a);
                public Task<IOther> References(IOther a, List<IOther> b, IGrain c, IAll d, GrainId e) => Task.FromResult(b[0]);
                public async IAsyncEnumerable<Positional> Stream(Color x, Shade y, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct) { await Task.Yield(); yield return new(1, null, x, null); }
                public async IAsyncEnumerable<int> StreamWithoutToken() { await Task.Yield(); yield return 1; yield return 2; }
                public Task OneWayTask(int x) => Task.CompletedTask;
                public ValueTask OneWayValueTask() => default;
                public Task<int> Read() => Task.FromResult(1);
                public Task<int> Interleaved() => Task.FromResult(2);
                public Task ReceiveReminder(string name, TickStatus status) => Task.CompletedTask;
            }
            public sealed class OtherGrain : IGrainBase, IOther
            {
                public OtherGrain(IGrainContext context) => GrainContext = context;
                public IGrainContext GrainContext { get; }
                public Task<string> Name() => Task.FromResult(this.GetPrimaryKeyString());
            }
            public static class Caller
            {
                public static async Task Run(IGrainFactory factory)
                {
                    var all = factory.GetGrain<IAll>("a");
                    var other = factory.GetGrain<IOther>("o");
                    await all.None();
                    Is(7, await all.Primitives(true, 4, 'c', 1, 2, "abc", default, default, default, default, new("http://x"), "o", default));
                    Is(new Positional(11, "b", Color.Green, null), await all.Positional(new(1, "b", Color.Green, null), new(1, 5), new(1, 2), null, new(3), default));
                    Is(3, (await all.Ids(new() { A = 3 }, new([], 0))).A);
                    await all.Tuples((1, "b"), Tuple.Create(1, new Point(1, 2)), new("k", Color.Red));
                    Is(2, (await all.Arrays([1, 2], [[new(1, 2)]], [null], default))[0]);
                    Is(0, (await all.Collections(new() { ["a"] = new() }, [1], [new(1, 2)], new Dictionary<string, Point[]>(), new(), [1])).Count);
                    Is(new Point(1, 2), (await all.Immutables([1], ImmutableDictionary<string, Positional>.Empty, [Color.Red], [1]))[0]);
                    Is("odd", (await all.Exceptions(new OddException("odd"), new("b"), new())).Message);
                    Is("o", await (await all.References(other, [other], other, all, default)).Name());
                    Is(Color.Green, (await all.Stream(Color.Green, Shade.Light, default).SingleAsync()).C);
                    Is(3, await all.StreamWithoutToken().SumAsync());
                    await all.OneWayTask(1);
                    await all.OneWayValueTask();
                    Is(1, await all.Read());
                    Is(2, await all.Interleaved());
                }

                private static void Is<T>(T expected, T actual) { if (!Equals(expected, actual)) throw new InvalidOperationException($"Expected {expected}, got {actual}."); }
            }
            """);
        using var host = grains.BuildHost();
        await host.StartAsync().WaitAsync(StartTimeout);
        await grains.RunAsync("Good.Caller", "Run", host.Services).WaitAsync(StartTimeout);
        await host.StopAsync().WaitAsync(StartTimeout);
    }

    private static string Class(string name, string parameters) =>
        $"class {name}({parameters}) : Grain, IOk {{ public Task M() {{ _ = ({string.Join(", ", parameters.Split(", [").Select(parameter => parameter[(parameter.LastIndexOf(' ') + 1)..]))}, 0); return Task.CompletedTask; }} }} ";

    private static async Task StopsWithAsync(string source, string finding)
    {
        var message = await MessageOfStartAsync("namespace Bad;\n#pragma warning disable CS0067, CS0649, CS0169\npublic interface IOk : IGrainWithStringKey { Task M(); }\npublic class S;\n" + source);
        Assert.Contains("\n- " + finding, message, StringComparison.Ordinal);
        Assert.StartsWith("The silo does not start: 1 rule(s) of grains are broken.", message, StringComparison.Ordinal);
    }

    private static async Task<string> MessageOfStartAsync(string source)
    {
        using var grains = CompiledGrains.Compile(source);
        using var host = grains.BuildHost();
        return (await Assert.ThrowsAsync<OrleansConfigurationException>(() => host.StartAsync().WaitAsync(StartTimeout))).Message;
    }
}
