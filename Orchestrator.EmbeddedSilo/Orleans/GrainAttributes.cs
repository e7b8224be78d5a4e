// The attributes of grain classes and methods.

namespace Orleans.Concurrency
{
    /// <summary>Calls of this grain class interleave with each other wherever one of them awaits.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class ReentrantAttribute : Attribute;

    /// <summary>Calls of this method run as soon as they come, between the turns of whatever runs.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    public sealed class AlwaysInterleaveAttribute : Attribute;

    /// <summary>Asks a static method of the grain class, <c>bool Name(IInvokable request)</c>, whether a call may interleave.</summary>
    /// <param name="callbackMethodName">The method's name.</param>
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class MayInterleaveAttribute(string callbackMethodName) : Attribute
    {
        internal string CallbackMethodName { get; } = callbackMethodName;
    }

    /// <summary>Calls of methods with this attribute interleave with each other, and with no other.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    public sealed class ReadOnlyAttribute : Attribute;

    /// <summary>The caller does not wait and learns of no result and no exception. For methods that return <see cref="Task"/> or <see cref="ValueTask"/>.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    public sealed class OneWayAttribute : Attribute;
}

namespace Orleans
{
    /// <summary>Activations of this class are not collected when idle.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public class KeepAliveAttribute : Attribute;

    /// <summary>Names a grain class for storage and addresses, so that it can be renamed.</summary>
    /// <param name="grainType">The name.</param>
    [AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
    public sealed class GrainTypeAttribute(string grainType) : Attribute
    {
        internal string Name { get; } = grainType;
    }
}
