namespace Orchestrator.Silo.Access;

/// <summary>Who may call a route.</summary>
internal enum AccessPolicy
{
    /// <summary>Everybody.</summary>
    None = 1,

    /// <summary>By <c>ACCESS</c>: callers on this machine without credentials, everybody else signed.</summary>
    Open = 2,

    /// <summary>Who signs.</summary>
    Signed = 3,
}

/// <summary>What every route declares; one that does not stops the start.</summary>
/// <param name="Policy">Who may call it.</param>
/// <param name="TakesBody">Whether a request has a body; where it has none, one is refused.</param>
internal sealed record AccessRule(AccessPolicy Policy, bool TakesBody);

/// <summary>Declares access on routes.</summary>
internal static class AccessRuleExtensions
{
    public static TBuilder WithAccess<TBuilder>(this TBuilder builder, AccessPolicy policy, bool takesBody = false)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new AccessRule(policy, takesBody));
}
