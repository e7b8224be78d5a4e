namespace Orchestrator.Silo.AgentTasks;

/// <summary>Whether callbacks may go to a URL, as far as the URL alone tells.</summary>
internal interface IWebhookUrlRule
{
    /// <summary>Why they may not; null: they may.</summary>
    string? Explain(string url);
}
