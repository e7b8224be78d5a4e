namespace Orchestrator.Silo.Configuration;

/// <summary>The service cannot start. The message is all that is shown: what is wrong, and what to do. No secrets.</summary>
internal sealed class StartException : Exception
{
    public StartException(string message) : base(message)
    {
    }

    public StartException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
