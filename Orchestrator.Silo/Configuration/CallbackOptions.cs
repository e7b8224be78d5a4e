namespace Orchestrator.Silo.Configuration;

/// <summary>Where callbacks may go.</summary>
internal sealed class CallbackOptions
{
    /// <summary>Origins (<c>http://127.0.0.1:9000</c>) that may be called whatever address they have (<c>CALLBACK_ALLOW</c>).</summary>
    public IReadOnlyList<string> AllowedOrigins { get; set; } = [];

    /// <summary>Sent as <c>X-Internal-Auth</c> to <see cref="AllowedOrigins"/> only; null: not sent (<c>INTERNAL_AUTH_TOKEN</c>).</summary>
    public string? InternalAuthToken { get; set; }
}
