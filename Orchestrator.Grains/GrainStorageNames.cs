namespace Orchestrator.Grains;

/// <summary>The names of storages that grains ask for.</summary>
public static class GrainStorageNames
{
    /// <summary>Where every grain of ours keeps its state.</summary>
    public const string Orchestrator = "orchestrator";
}
