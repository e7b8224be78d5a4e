// The exceptions that callers of grains may see, beside the grains' own and TimeoutException.

namespace Orleans.Runtime
{
    /// <summary>Base of the runtime's own exceptions.</summary>
    public class OrleansException : Exception
    {
        /// <summary>Without a message.</summary>
        public OrleansException() { }

        /// <summary>With a message.</summary>
        public OrleansException(string message) : base(message) { }

        /// <summary>With a message and a cause.</summary>
        public OrleansException(string message, Exception? innerException) : base(message, innerException) { }
    }

    /// <summary>The application is put together wrongly; the silo does not start.</summary>
    public sealed class OrleansConfigurationException : Exception
    {
        /// <summary>With a message that says what to change.</summary>
        public OrleansConfigurationException(string message) : base(message) { }

        /// <summary>With a message and a cause.</summary>
        public OrleansConfigurationException(string message, Exception innerException) : base(message, innerException) { }
    }

    /// <summary>The runtime did not deliver a call.</summary>
    public class OrleansMessageRejectionException : OrleansException
    {
        internal OrleansMessageRejectionException(string message) : base(message) { }
    }

    /// <summary>The silo has stopped or is stopping: the call was not made.</summary>
    public sealed class SiloUnavailableException : OrleansMessageRejectionException
    {
        /// <summary>With the standard message.</summary>
        public SiloUnavailableException() : base("The silo is not running.") { }

        /// <summary>With a message.</summary>
        public SiloUnavailableException(string msg) : base(msg) { }
    }

    /// <summary>A stream of items from a grain broke off because the grain was deactivated.</summary>
    public sealed class EnumerationAbortedException : Exception
    {
        /// <summary>Without a message.</summary>
        public EnumerationAbortedException() { }

        /// <summary>With a message.</summary>
        public EnumerationAbortedException(string message) : base(message) { }

        /// <summary>With a message and a cause.</summary>
        public EnumerationAbortedException(string message, Exception innerException) : base(message, innerException) { }
    }
}

namespace Orleans.Storage
{
    /// <summary>The stored record has another ETag than the state that is written. An activation from whose call this escapes is dropped.</summary>
    public class InconsistentStateException : Runtime.OrleansException
    {
        /// <summary>Without details.</summary>
        public InconsistentStateException() { }

        /// <summary>With a message.</summary>
        public InconsistentStateException(string message) : base(message) { }

        /// <summary>With a message and a cause.</summary>
        public InconsistentStateException(string message, Exception innerException) : base(message, innerException) { }

        /// <summary>With both ETags.</summary>
        public InconsistentStateException(string errorMsg, string? storedEtag, string? currentEtag)
            : base($"{errorMsg} Stored ETag: {storedEtag ?? "none"}; ETag of the state: {currentEtag ?? "none"}.") =>
            (StoredEtag, CurrentEtag) = (storedEtag, currentEtag);

        /// <summary>The ETag in storage; null when nothing is stored or it is not known.</summary>
        public string? StoredEtag { get; }

        /// <summary>The ETag of the state that was to be written; null when it was new.</summary>
        public string? CurrentEtag { get; }

        /// <summary>Whether the activation whose state it was has been dropped: callers further up let the exception pass and stay.</summary>
        internal bool HasDroppedActivation { get; set; }
    }
}
