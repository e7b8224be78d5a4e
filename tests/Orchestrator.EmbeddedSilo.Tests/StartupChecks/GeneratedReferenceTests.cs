namespace Orchestrator.EmbeddedSilo.Tests.StartupChecks;

/// <summary>What the generator writes compiles without a warning, and calls arrive.</summary>
public sealed class GeneratedReferenceTests
{
    private static readonly TimeSpan RunTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Name, interfaces and classes, and statements that use <c>f</c>, a grain factory.</summary>
    public static TheoryData<string, string, string> Shapes => new()
    {
        {
            "inherited interfaces, also by two ways",
            """
            public interface IRoot : IGrainWithStringKey { Task<string> Root(); }
            public interface ILeft : IRoot { Task<string> Left(); }
            public interface IRight : IRoot { Task<string> Right(); }
            public interface IBoth : ILeft, IRight { new Task<string> Left(); }
            public interface IPlain<T> { Task<T> Plain(T x); }
            public interface IAll : IBoth, IPlain<int>;
            public sealed class AllGrain : Grain, IAll
            {
                public Task<string> Root() => Task.FromResult("root");
                Task<string> ILeft.Left() => Task.FromResult("left");
                Task<string> IBoth.Left() => Task.FromResult("both");
                public Task<string> Right() => Task.FromResult("right");
                public Task<int> Plain(int x) => Task.FromResult(x);
            }
            """,
            """
            var g = f.GetGrain<IAll>("a");
            Is("root", await g.Root()); Is("left", await ((ILeft)g).Left()); Is("both", await g.Left()); Is("right", await g.Right()); Is(5, await g.Plain(5));
            Is("root", await f.GetGrain<IRoot>("a").Root());
            """
        },
        {
            "overloads",
            """
            public interface IOver : IGrainWithStringKey { Task<string> M(); Task<string> M(int a); Task<string> M(string a); Task<string> M(int? a); Task<string> M(int a, int b); Task<string> M(List<int> a); Task<string> M(CancellationToken a); }
            public sealed class OverGrain : Grain, IOver
            {
                public Task<string> M() => Task.FromResult("none");
                public Task<string> M(int a) => Task.FromResult("int");
                public Task<string> M(string a) => Task.FromResult("string");
                public Task<string> M(int? a) => Task.FromResult("int?");
                public Task<string> M(int a, int b) => Task.FromResult("int int");
                public Task<string> M(List<int> a) => Task.FromResult("list");
                public Task<string> M(CancellationToken a) => Task.FromResult("token");
            }
            """,
            """
            var g = f.GetGrain<IOver>("a");
            Is("none", await g.M()); Is("int", await g.M(1)); Is("string", await g.M("")); Is("int?", await g.M((int?)1)); Is("int int", await g.M(1, 2)); Is("list", await g.M([1])); Is("token", await g.M(default(CancellationToken)));
            """
        },
        {
            "keywords and names of the generated code as names",
            """
            namespace @namespace.@class { public interface @interface : IGrainWithStringKey { Task<int> @event(int @class, int @int, string @this, int grain, int index, int call, int key, CancellationToken @default); IAsyncEnumerable<int> @yield(int grain, int cancellationToken, CancellationToken @in); } }
            public sealed class KeywordGrain : Grain, @namespace.@class.@interface
            {
                public Task<int> @event(int @class, int @int, string @this, int grain, int index, int call, int key, CancellationToken @default) => Task.FromResult(@class + @int + @this.Length + grain + index + call + key);
                public async IAsyncEnumerable<int> @yield(int grain, int cancellationToken, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken @in) { await Task.Yield(); yield return grain + cancellationToken; }
            }
            """,
            """
            var g = f.GetGrain<@namespace.@class.@interface>("a");
            Is(28, await g.@event(1, 2, "abc", 4, 5, 6, 7, default)); Is(3, await g.@yield(1, 2, default).SumAsync());
            """
        },
        {
            "nested and internal interfaces, names that differ in dots only",
            """
            public static class Outer { public interface INested : IGrainWithStringKey { Task<int> M(); } internal static class Inner { internal interface INested : IGrainWithStringKey { Task<int> M(); } internal sealed class InnerGrain : Grain, INested { public Task<int> M() => Task.FromResult(2); } } }
            public interface Outer_INested : IGrainWithStringKey { Task<int> M(); }
            internal sealed class OneGrain : Grain, Outer.INested { public Task<int> M() => Task.FromResult(1); }
            internal sealed class ThreeGrain : Grain, Outer_INested { public Task<int> M() => Task.FromResult(3); }
            """,
            """
            Is(1, await f.GetGrain<Outer.INested>("a").M()); Is(2, await f.GetGrain<Outer.Inner.INested>("a").M()); Is(3, await f.GetGrain<Outer_INested>("a").M());
            """
        },
        {
            "default values, params and tuple names",
            """
            public enum Level { Low, High }
            public interface IDefaults : IGrainWithStringKey { Task<string> M(int a = 3, string? b = null, Level c = Level.High, double d = 1.5, CancellationToken ct = default); Task<int> P(params int[] x); Task<(int Sum, string? Name)> T((int A, int B) x, string? name = "n"); [Obsolete("old")] Task Old(); }
            public sealed class DefaultsGrain : Grain, IDefaults
            {
                public Task<string> M(int a, string? b, Level c, double d, CancellationToken ct) => Task.FromResult($"{a} {b} {c} {d}");
                public Task<int> P(params int[] x) => Task.FromResult(x.Sum());
                public Task<(int Sum, string? Name)> T((int A, int B) x, string? name) => Task.FromResult((x.A + x.B, name));
                [Obsolete("old")] public Task Old() => Task.CompletedTask;
            }
            """,
            """
            var g = f.GetGrain<IDefaults>("a");
            Is("3  High 1.5", await g.M()); Is(6, await g.P(1, 2, 3)); Is(3, (await g.T((1, 2))).Sum);
            """
        },
        {
            "all kinds of results",
            """
            public interface IKinds : IGrainWithStringKey { Task A(); ValueTask B(); Task<int> C(); ValueTask<int> D(); IAsyncEnumerable<int> E(int n); [OneWay] Task F(); [OneWay] ValueTask G(); Task<int?> H(); Task<string?> I(); Task<int[]?> J(); }
            public sealed class KindsGrain : Grain, IKinds
            {
                private int _a, _b;
                public Task A() { _a++; return Task.CompletedTask; }
                public ValueTask B() { _b++; return default; }
                public Task<int> C() => Task.FromResult(_a);
                public async ValueTask<int> D() { await Task.Yield(); return _b; }
                public async IAsyncEnumerable<int> E(int n) { for (var i = 0; i < n; i++) { await Task.Yield(); yield return i; } }
                public Task F() => A();
                public ValueTask G() => B();
                public Task<int?> H() => Task.FromResult<int?>(null);
                public Task<string?> I() => Task.FromResult<string?>(null);
                public Task<int[]?> J() => Task.FromResult<int[]?>([1]);
            }
            """,
            """
            var g = f.GetGrain<IKinds>("a");
            await g.A(); await g.B(); await g.F(); await g.G();
            Is(2, await g.C()); Is(2, await g.D()); Is(6, await g.E(4).SumAsync()); Is<int?>(null, await g.H()); Is<string?>(null, await g.I()); Is(1, (await g.J())![0]);
            """
        },
        {
            "user types named as those of the generated code",
            """
            [GenerateSerializer] public sealed record Task(int A);
            [GenerateSerializer] public sealed record Nothing(int A);
            [GenerateSerializer] public sealed record ValueTask(int A);
            public interface IClash : IGrainWithStringKey { System.Threading.Tasks.Task<Task> M(Task x, Nothing y, ValueTask z); System.Threading.Tasks.Task Send(int x); System.Threading.Tasks.ValueTask<string> Invoke(string x); }
            public sealed class ClashGrain : Grain, IClash
            {
                public System.Threading.Tasks.Task<Task> M(Task x, Nothing y, ValueTask z) => System.Threading.Tasks.Task.FromResult(new Task(x.A + y.A + z.A));
                public System.Threading.Tasks.Task Send(int x) => System.Threading.Tasks.Task.CompletedTask;
                public System.Threading.Tasks.ValueTask<string> Invoke(string x) => new(x);
            }
            """,
            """
            var g = f.GetGrain<IClash>("a");
            Is(6, (await g.M(new(1), new(2), new(3))).A); await g.Send(1); Is("x", await g.Invoke("x"));
            """
        },
        {
            "default implementations and statics in an interface",
            """
            public interface IDim : IGrainWithStringKey { Task<int> One(); async Task<int> Two() => await One() * 2; static int Three() => 3; const int Four = 4; }
            public sealed class DimGrain : Grain, IDim { public Task<int> One() => Task.FromResult(1); }
            """,
            """
            var g = f.GetGrain<IDim>("a");
            Is(1, await g.One()); Is(2, await g.Two()); Is(3, IDim.Three());
            """
        },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task A_reference_compiles_without_warnings_and_its_calls_arrive(string shape, string grainTypes, string statements)
    {
        _ = shape;
        using var grains = CompiledGrains.Compile(
            $$"""
            namespace Shapes
            {
            {{grainTypes}}
                public static class Caller
                {
                    public static async System.Threading.Tasks.Task Run(IGrainFactory f)
                    {
                        {{statements}}
                    }

                    private static void Is<T>(T expected, T actual) { if (!Equals(expected, actual)) throw new InvalidOperationException($"Expected {expected}, got {actual}."); }
                }
            }
            """);
        using var host = grains.BuildHost();
        await host.StartAsync().WaitAsync(RunTimeout);
        await grains.RunAsync("Shapes.Caller", "Run", host.Services).WaitAsync(RunTimeout);
        await host.StopAsync().WaitAsync(RunTimeout);
    }

    [Fact]
    public async Task Grains_in_the_global_namespace_are_found()
    {
        using var grains = CompiledGrains.Compile(
            """
            public interface IGlobal : IGrainWithStringKey { Task<int> M(); }
            public sealed class GlobalGrain : Grain, IGlobal { public Task<int> M() => Task.FromResult(1); }
            public static class Caller { public static async Task Run(IGrainFactory f) { if (await f.GetGrain<IGlobal>("a").M() != 1) throw new InvalidOperationException(); } }
            """);
        using var host = grains.BuildHost();
        await host.StartAsync().WaitAsync(RunTimeout);
        await grains.RunAsync("Caller", "Run", host.Services).WaitAsync(RunTimeout);
        await host.StopAsync().WaitAsync(RunTimeout);
    }
}
