using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;

namespace Orchestrator.EmbeddedSilo.Generator;

/// <summary>
/// Writes the reference class of one grain interface. Members that break the rules of grain interfaces get a body that throws: the silo's start
/// names them, with the rule.
/// </summary>
internal sealed class ReferenceWriter(INamedTypeSymbol grainInterface)
{
    private readonly StringBuilder _text = new();
    private int _count;

    /// <summary>The interface's full name with underscores for dots; its own underscores are doubled, so that two interfaces do not get one name.</summary>
    public string ClassName { get; } =
        string.Concat(grainInterface.ToDisplayString().Select(c => char.IsLetterOrDigit(c) ? c.ToString() : c == '_' ? "__" : "_")) + "_Reference";

    public string Write()
    {
        _text.AppendLine().AppendLine($"    internal sealed class {ClassName}(GrainReferenceKey key) : TypedGrainReference(key), {Name(grainInterface)}").AppendLine("    {");
        foreach (var declaring in new[] { grainInterface }.Concat(grainInterface.AllInterfaces))
        {
            foreach (var member in declaring.GetMembers().Where(member => member.IsAbstract)) WriteMember(declaring, member);
        }

        return _text.AppendLine("    }").ToString();
    }

    private static string Name(ITypeSymbol type) => type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);

    private static bool IsCancellationToken(IParameterSymbol parameter) => GrainGenerator.Is(parameter.Type, "System.Threading.CancellationToken");

    private static bool Has(ISymbol symbol, string attribute) =>
        symbol.GetAttributes().Any(a => a.AttributeClass is { } type && GrainGenerator.Is(type, attribute));

    private static string Reference(RefKind kind) => kind switch
    {
        RefKind.Ref => "ref ",
        RefKind.Out => "out ",
        RefKind.In => "in ",
        RefKind.RefReadOnlyParameter => "ref readonly ",
        _ => "",
    };

    private void WriteMember(INamedTypeSymbol declaring, ISymbol member)
    {
        const string Throw = "throw new global::System.NotSupportedException()";
        switch (member)
        {
            case IMethodSymbol { MethodKind: MethodKind.Ordinary, IsStatic: false } method:
                if (ResultOf(method) is { } result) WriteMethod(declaring, method, result);
                else Line($"{Signature(declaring, method)} => {Throw};");
                break;
            case IPropertySymbol property:
                var accessors = (property.GetMethod is null ? "" : $"get => {Throw}; ")
                    + (property.SetMethod is null ? "" : $"{(property.SetMethod.IsInitOnly ? "init" : "set")} => {Throw}; ");
                var index = property.IsIndexer ? $"this[{Parameters(property.Parameters)}]" : $"@{property.Name}";
                Line($"{Name(property.Type)} {Name(declaring)}.{index} {{ {accessors}}}");
                break;
            case IEventSymbol @event:
                Line($"event {Name(@event.Type)} {Name(declaring)}.@{@event.Name} {{ add => {Throw}; remove => {Throw}; }}");
                break;
        }
    }

    /// <summary>What a call of the method is answered with, or null when the method breaks a rule.</summary>
    private static MethodResult? ResultOf(IMethodSymbol method)
    {
        if (method.IsGenericMethod || method.Parameters.Any(parameter => parameter.RefKind != RefKind.None)) return null;
        if (method.Parameters.Count(IsCancellationToken) > 1) return null;
        if (method.ReturnType is not INamedTypeSymbol type) return null;
        var argument = type.TypeArguments.Length == 1 ? Name(type.TypeArguments[0]) : null;
        return type.ConstructedFrom.ToDisplayString() switch
        {
            "System.Threading.Tasks.Task" => new(MethodKinds.Task, "Nothing"),
            "System.Threading.Tasks.ValueTask" => new(MethodKinds.ValueTask, "Nothing"),
            "System.Threading.Tasks.Task<TResult>" => new(MethodKinds.TaskOf, argument!),
            "System.Threading.Tasks.ValueTask<TResult>" => new(MethodKinds.ValueTaskOf, argument!),
            "System.Collections.Generic.IAsyncEnumerable<T>" => new(MethodKinds.Stream, argument!),
            _ => null,
        };
    }

    private void WriteMethod(INamedTypeSymbol declaring, IMethodSymbol method, MethodResult result)
    {
        var id = $"{method.Name}_{_count++}";
        var isOneWay = Has(method, "Orleans.Concurrency.OneWayAttribute");
        var options = new List<string>();
        if (isOneWay) options.Add("GrainMethodOptions.OneWay");
        if (Has(method, "Orleans.Concurrency.AlwaysInterleaveAttribute")) options.Add("GrainMethodOptions.AlwaysInterleave");
        if (Has(method, "Orleans.Concurrency.ReadOnlyAttribute")) options.Add("GrainMethodOptions.ReadOnly");
        if (options.Count == 0) options.Add("GrainMethodOptions.None");
        var types = method.Parameters.Length == 0
            ? "global::System.Type.EmptyTypes"
            : $"new[] {{ {string.Join(", ", method.Parameters.Select(parameter => $"typeof({Name(parameter.Type)})"))} }}";
        Line($"private static readonly GrainMethod {id} = new(typeof({Name(declaring)}), \"{method.Name}\", {types}, {string.Join(" | ", options)});");
        var call = $"new {id}_Call({string.Join(", ", method.Parameters.Select(Argument))})";
        var body = (isOneWay, result.Kind) switch
        {
            (true, MethodKinds.Task) => $"{{ SendOneWay({call}); return Task.CompletedTask; }}",
            (true, MethodKinds.ValueTask) => $"{{ SendOneWay({call}); return default; }}",
            (_, MethodKinds.Stream) => $"=> Stream({call});",
            (_, MethodKinds.ValueTask) => $"=> new ValueTask(Send({call}));",
            (_, MethodKinds.ValueTaskOf) => $"=> new ValueTask<{result.Type}>(Send({call}));",
            _ => $"=> Send({call});",
        };
        Line($"{Signature(declaring, method)} {body}");
        WriteCall(declaring, method, result, id);
    }

    private void WriteCall(INamedTypeSymbol declaring, IMethodSymbol method, MethodResult result, string id)
    {
        var isStream = result.Kind == MethodKinds.Stream;
        var token = method.Parameters.FirstOrDefault(IsCancellationToken);
        var data = method.Parameters.Where(parameter => !IsCancellationToken(parameter)).ToList();
        var invoke = $"(({Name(declaring)})grain).@{method.Name}({string.Join(", ", method.Parameters.Select(Field))})";
        var baseArguments = !isStream ? id : token is null ? $"{id}, default" : $"{id}, @{token.Name}";
        Line($"private sealed class {id}_Call : {(isStream ? "GrainStreamSource" : "GrainCall")}<{result.Type}>");
        Line("{");
        foreach (var parameter in isStream ? data : [.. method.Parameters]) Line($"    private readonly {Name(parameter.Type)} {Field(parameter)};");
        Line($"    public {id}_Call({Parameters(method.Parameters)}) : base({baseArguments})");
        Line("    {");
        foreach (var parameter in data) Line($"        {Field(parameter)} = @{parameter.Name};");
        if (token is not null && !isStream) Line($"        {Field(token)} = CancelWith(@{token.Name});");
        Line("    }");
        if (isStream)
        {
            Line($"    protected override global::System.Collections.Generic.IAsyncEnumerable<{result.Type}> Invoke(object grain, global::System.Threading.CancellationToken cancellationToken) => {invoke};");
        }
        else
        {
            var value = result.Kind switch
            {
                MethodKinds.TaskOf => $"new ValueTask<{result.Type}>({invoke})",
                MethodKinds.ValueTaskOf => invoke,
                _ => $"Nothing.From({invoke})",
            };
            Line($"    protected override ValueTask<{result.Type}> InvokeAsync(object grain) => {value};");
            if (data.Count > 0)
            {
                var cases = string.Join("", data.Select((parameter, i) => $"{i} => {Field(parameter)}, "));
                Line($"    public override int GetArgumentCount() => {data.Count};");
                Line($"    public override object GetArgument(int index) => index switch {{ {cases}_ => base.GetArgument(index) }};");
            }
        }

        Line("}");

        string Field(IParameterSymbol parameter) => isStream && IsCancellationToken(parameter) ? "cancellationToken" : "_" + parameter.Name;
    }

    private static string Signature(INamedTypeSymbol declaring, IMethodSymbol method)
    {
        var generics = method.IsGenericMethod ? $"<{string.Join(", ", method.TypeParameters.Select(parameter => parameter.Name))}>" : "";
        var result = method.ReturnsVoid ? "void" : Name(method.ReturnType);
        return $"{result} {Name(declaring)}.@{method.Name}{generics}({Parameters(method.Parameters)})";
    }

    private static string Parameters(IEnumerable<IParameterSymbol> parameters) =>
        string.Join(", ", parameters.Select(parameter => $"{Reference(parameter.RefKind)}{Name(parameter.Type)} @{parameter.Name}"));

    /// <summary>An argument as the call keeps it: copied, unless it says or obviously is immutable.</summary>
    private static string Argument(IParameterSymbol parameter)
    {
        var isValue = parameter.Type.TypeKind == TypeKind.Enum || parameter.Type.SpecialType is SpecialType.System_String or SpecialType.System_DateTime
            or (>= SpecialType.System_Boolean and <= SpecialType.System_Double);
        return isValue || IsCancellationToken(parameter) || Has(parameter, "Orleans.ImmutableAttribute") ? $"@{parameter.Name}" : $"DeepCopy.Of(@{parameter.Name})";
    }

    private void Line(string text) => _text.Append("        ").AppendLine(text);

    private enum MethodKinds
    {
        Task,
        ValueTask,
        TaskOf,
        ValueTaskOf,
        Stream,
    }

    private sealed class MethodResult(MethodKinds kind, string type)
    {
        public MethodKinds Kind => kind;

        /// <summary>The type argument, or <c>Nothing</c>.</summary>
        public string Type => type;
    }
}
