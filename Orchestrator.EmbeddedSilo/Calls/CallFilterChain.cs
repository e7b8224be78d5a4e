using System.Reflection;
using System.Runtime.ExceptionServices;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orchestrator.EmbeddedSilo.Calls;

/// <summary>Runs a call through the incoming call filters, the first registered outermost.</summary>
internal static class CallFilterChain
{
    public static async ValueTask<T> InvokeAsync<T>(GrainCall<T> call, Activation activation)
    {
        var context = new Context<T>(call, activation);
        await context.Invoke();
        return context.Answer();
    }

    private sealed class Context<T>(GrainCall<T> call, Activation activation) : IIncomingGrainCallContext
    {
        private int _next;
        private object? _result;
        private ExceptionDispatchInfo? _failure;

        public IInvokable Request => call;

        public object Grain => activation.Grain!;

        public GrainId? SourceId => call.Sender?.GrainId;

        public GrainId TargetId => activation.GrainId;

        public IGrainContext TargetContext => activation;

        public MethodInfo InterfaceMethod => call.Method.Info;

        public MethodInfo ImplementationMethod
        {
            get
            {
                var map = activation.Grain!.GetType().GetInterfaceMap(call.Method.InterfaceType);
                return map.TargetMethods[Array.IndexOf(map.InterfaceMethods, InterfaceMethod)];
            }
        }

        public string InterfaceName => call.GetInterfaceName();

        public string MethodName => call.Method.Name;

        public object? Result
        {
            get => _result;
            set => (_result, _failure) = (value, null);
        }

        public async Task Invoke()
        {
            var filters = activation.Runtime.Filters;
            if (_next < filters.Length)
            {
                await filters[_next++].Invoke(this);
                return;
            }

            try
            {
                var result = await call.InvokeOnAsync(activation);
                Result = result is Nothing ? null : result;
            }
            catch (Exception exception)
            {
                _failure = ExceptionDispatchInfo.Capture(exception);
                throw;
            }
        }

        /// <summary>A filter that swallows the grain's exception has to set a result; else the exception is the answer all the same.</summary>
        public T Answer()
        {
            _failure?.Throw();
            return _result is T result ? result : default!;
        }
    }
}
