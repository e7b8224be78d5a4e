namespace Orchestrator.Silo.Access;

/// <summary>The nonces of signed requests, each of which counts once.</summary>
internal interface INonces
{
    /// <summary>A cheap look before a signature is checked; only <see cref="SpendAsync"/> decides.</summary>
    NonceState Look(Guid nonce, DateTimeOffset signedAt);

    /// <summary>Spends a nonce, durably: when this returns <see cref="NonceState.Fresh"/>, nobody else ever gets that answer for it.</summary>
    /// <param name="nonce">The nonce.</param>
    /// <param name="signedAt">The time that was signed with it, within the tolerance.</param>
    /// <exception cref="Orleans.Runtime.OrleansException">It could not be stored, and is not spent.</exception>
    Task<NonceState> SpendAsync(Guid nonce, DateTimeOffset signedAt);
}

/// <summary>What is known of a nonce.</summary>
internal enum NonceState
{
    /// <summary>It was never seen.</summary>
    Fresh = 1,

    /// <summary>It was spent before.</summary>
    Spent = 2,

    /// <summary>Nonces of that time have been forgotten: whether it was spent cannot be said any more.</summary>
    Forgotten = 3,
}
