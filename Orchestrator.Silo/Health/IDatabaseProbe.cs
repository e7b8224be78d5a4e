namespace Orchestrator.Silo.Health;

/// <summary>Tries whether the database can be written.</summary>
internal interface IDatabaseProbe
{
    /// <summary>Writes a little that changes nothing, durably. Any exception: it cannot be written.</summary>
    Task WriteAsync();
}
