using System.Collections.Immutable;
using Orchestrator.EmbeddedSilo.Activations;

namespace Orleans.Runtime;

/// <summary>
/// Values that travel with every call made from here on: from caller to grain, and on from that grain. What a grain changes is not seen by its caller.
/// </summary>
public static class RequestContext
{
    private const string ReentrancyKey = "#CCR";

    private static readonly AsyncLocal<ImmutableDictionary<string, object>?> Current = new();

    /// <summary>The names of all values.</summary>
    public static IEnumerable<string> Keys => Values.Keys;

    /// <summary>All values.</summary>
    public static IEnumerable<KeyValuePair<string, object>> Entries => Values;

    /// <summary>The call chain that may re-enter grains that allowed it; <see cref="Guid.Empty"/> when there is none.</summary>
    public static Guid ReentrancyId
    {
        get => Current.Value is { } values && values.TryGetValue(ReentrancyKey, out var id) ? (Guid)id : Guid.Empty;
        set => Current.Value = value == Guid.Empty ? Values.Remove(ReentrancyKey) : Values.SetItem(ReentrancyKey, value);
    }

    private static ImmutableDictionary<string, object> Values => Current.Value ?? ImmutableDictionary<string, object>.Empty;

    /// <summary>The value, or null when there is none of that name.</summary>
    public static object? Get(string key) => Values.GetValueOrDefault(key);

    /// <summary>Sets a value for the calls made from here on.</summary>
    /// <param name="key">The name.</param>
    /// <param name="value">Immutable: it is shared with every grain it reaches.</param>
    public static void Set(string key, object value) => Current.Value = Values.SetItem(key, value);

    /// <summary>Removes a value; false when there was none.</summary>
    public static bool Remove(string key)
    {
        var had = Values.ContainsKey(key);
        if (had) Current.Value = Values.Remove(key);
        return had;
    }

    /// <summary>Removes all values.</summary>
    public static void Clear() => Current.Value = null;

    /// <summary>Until disposed of, calls that follow from this grain's running call may re-enter it.</summary>
    public static ReentrancySection AllowCallChainReentrancy()
    {
        var original = ReentrancyId;
        return new(original, original == Guid.Empty ? Guid.NewGuid() : original);
    }

    /// <summary>Until disposed of, no call that follows may re-enter a grain of this chain.</summary>
    public static ReentrancySection SuppressCallChainReentrancy() => new(ReentrancyId, Guid.Empty);

    /// <summary>The scope in which a change of <see cref="ReentrancyId"/> holds.</summary>
    public readonly struct ReentrancySection : IDisposable
    {
        private readonly Guid _original;
        private readonly Guid _inside;

        /// <summary>Enters the section.</summary>
        public ReentrancySection(Guid originalReentrancyId, Guid newReentrancyId)
        {
            _original = originalReentrancyId;
            _inside = newReentrancyId;
            if (_inside != _original) ReentrancyId = _inside;
            if (_inside != Guid.Empty) Activation.Current?.EnterReentrantSection(_inside);
        }

        /// <summary>Leaves the section.</summary>
        public void Dispose()
        {
            if (_inside != Guid.Empty) Activation.Current?.LeaveReentrantSection(_inside);
            if (_inside != _original) ReentrancyId = _original;
        }
    }
}
