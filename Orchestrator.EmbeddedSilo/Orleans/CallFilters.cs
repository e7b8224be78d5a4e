using System.Reflection;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orleans.Serialization.Invocation
{
    /// <summary>A call as data.</summary>
    public interface IInvokable
    {
        /// <summary>How many arguments there are, a cancellation token not counted.</summary>
        int GetArgumentCount();

        /// <summary>The argument at that place.</summary>
        object? GetArgument(int index);

        /// <summary>The method's name.</summary>
        string GetMethodName();

        /// <summary>The interface's full name.</summary>
        string GetInterfaceName();

        /// <summary>The interface's method.</summary>
        MethodInfo GetMethod();

        /// <summary>The interface.</summary>
        Type GetInterfaceType();
    }
}

namespace Orleans
{
    /// <summary>Runs around every call that a grain takes, in the grain's turn. Register as a service; the first registered is the outermost.</summary>
    public interface IIncomingGrainCallFilter
    {
        /// <summary>Goes on with <see cref="IGrainCallContext.Invoke"/>, or does not.</summary>
        Task Invoke(IIncomingGrainCallContext context);
    }

    /// <summary>A call, as a filter sees it.</summary>
    public interface IGrainCallContext
    {
        /// <summary>The call's arguments.</summary>
        IInvokable Request { get; }

        /// <summary>The grain that is called.</summary>
        object Grain { get; }

        /// <summary>The grain that calls; null when the caller is no grain.</summary>
        GrainId? SourceId { get; }

        /// <summary>The grain that is called.</summary>
        GrainId TargetId { get; }

        /// <summary>The interface's method.</summary>
        MethodInfo InterfaceMethod { get; }

        /// <summary>The interface's full name.</summary>
        string InterfaceName { get; }

        /// <summary>The method's name.</summary>
        string MethodName { get; }

        /// <summary>What the caller gets; null before the call was made and for methods without a result.</summary>
        object? Result { get; set; }

        /// <summary>Goes on to the next filter, at last to the grain.</summary>
        Task Invoke();
    }

    /// <inheritdoc />
    public interface IIncomingGrainCallContext : IGrainCallContext
    {
        /// <summary>The activation that is called.</summary>
        IGrainContext TargetContext { get; }

        /// <summary>The grain class's method.</summary>
        MethodInfo ImplementationMethod { get; }
    }
}
