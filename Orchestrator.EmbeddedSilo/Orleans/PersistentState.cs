namespace Orleans.Core
{
    /// <summary>State of one grain in storage.</summary>
    public interface IStorage
    {
        /// <summary>The version of the stored record that this state was read from or written as; null when there is none.</summary>
        string? Etag { get; }

        /// <summary>Whether a record is stored.</summary>
        bool RecordExists { get; }

        /// <summary>Deletes the record and starts again with a new state.</summary>
        /// <exception cref="Storage.InconsistentStateException">Somebody else wrote in between.</exception>
        Task ClearStateAsync();

        /// <summary>Stores the state. When the task ends well, it is on disk; when it fails, what is stored is unknown until it is read again.</summary>
        /// <exception cref="Storage.InconsistentStateException">Somebody else wrote in between.</exception>
        Task WriteStateAsync();

        /// <summary>Reads the state again; what was not written is lost.</summary>
        Task ReadStateAsync();

        /// <inheritdoc cref="ClearStateAsync()" />
        Task ClearStateAsync(CancellationToken cancellationToken) => ClearStateAsync();

        /// <inheritdoc cref="WriteStateAsync()" />
        Task WriteStateAsync(CancellationToken cancellationToken) => WriteStateAsync();

        /// <inheritdoc cref="ReadStateAsync()" />
        Task ReadStateAsync(CancellationToken cancellationToken) => ReadStateAsync();
    }

    /// <inheritdoc />
    public interface IStorage<TState> : IStorage
    {
        /// <summary>The state in memory; a new <typeparamref name="TState"/> when nothing is stored.</summary>
        TState State { get; set; }
    }
}

namespace Orleans.Runtime
{
    /// <summary>State that a grain's constructor asks for with <see cref="PersistentStateAttribute"/>; it is read before the grain is activated.</summary>
    public interface IPersistentState<TState> : Core.IStorage<TState>;

    /// <summary>Names the state that a constructor parameter of type <see cref="IPersistentState{TState}"/> asks for.</summary>
    /// <param name="stateName">Belongs to this grain class in the whole application, and stays when classes are renamed.</param>
    /// <param name="storageName">A configured storage; null means <c>Default</c>.</param>
    [AttributeUsage(AttributeTargets.Parameter)]
    public class PersistentStateAttribute(string stateName, string? storageName = null) : Attribute
    {
        /// <summary>The state's name.</summary>
        public string StateName { get; } = stateName;

        /// <summary>The storage's name.</summary>
        public string StorageName { get; } = storageName ?? "Default";
    }
}

namespace Orleans
{
    /// <summary>What a storage provider reads into and writes from.</summary>
    public interface IGrainState<T>
    {
        /// <summary>The state.</summary>
        T State { get; set; }

        /// <summary>The version of the stored record; null when there is none.</summary>
        string? ETag { get; set; }

        /// <summary>Whether a record is stored.</summary>
        bool RecordExists { get; set; }
    }
}

namespace Orleans.Storage
{
    /// <summary>A storage for grain state, registered under its name as a keyed service.</summary>
    public interface IGrainStorage
    {
        /// <summary>Reads into <paramref name="grainState"/>; a missing record gives a new state, no ETag and <see cref="IGrainState{T}.RecordExists"/> false.</summary>
        Task ReadStateAsync<T>(string stateName, Runtime.GrainId grainId, IGrainState<T> grainState);

        /// <summary>Writes durably and sets the new ETag.</summary>
        /// <exception cref="InconsistentStateException">The stored ETag is another.</exception>
        Task WriteStateAsync<T>(string stateName, Runtime.GrainId grainId, IGrainState<T> grainState);

        /// <summary>Deletes durably; no record is no error.</summary>
        /// <exception cref="InconsistentStateException">The stored ETag is another.</exception>
        Task ClearStateAsync<T>(string stateName, Runtime.GrainId grainId, IGrainState<T> grainState);
    }
}
