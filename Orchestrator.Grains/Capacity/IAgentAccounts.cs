namespace Orchestrator.Grains.Capacity;

/// <summary>Which account an agent spends from: its usage limit holds all who share it.</summary>
public interface IAgentAccounts
{
    /// <summary>The account of a worker type, such as <c>claude</c>; one that is unknown here has an account of its own.</summary>
    string AccountOf(string workerType);
}
