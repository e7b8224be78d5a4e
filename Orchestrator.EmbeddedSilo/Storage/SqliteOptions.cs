namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Where the database is, and what the application keeps in it beside the silo.</summary>
public sealed class SqliteOptions
{
    /// <summary>The file, made when it does not exist; its folder must exist. Required.</summary>
    public string Path { get; set; } = "";

    /// <summary>How long to wait for another process that holds the database's lock, at start and at each write: up to an hour, and a second at least. Default: 5 seconds.</summary>
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether a write is on disk before it is answered (<c>synchronous=FULL</c>). Default: true. With false (<c>NORMAL</c>) a loss of power may take the last
    /// writes; a killed process does not.
    /// </summary>
    public bool IsDurable { get; set; } = true;

    /// <summary>
    /// Room that is kept for the last writes on a full disk, bytes: so much in a file beside the database (<c>.reserve</c>) and in its write-ahead log each, and a quarter of it inside. Default: 0, none.
    /// </summary>
    public long ReserveBytes { get; set; }

    /// <summary>The application's own tables.</summary>
    public IList<SqliteSchema> Schemas { get; } = [];
}

/// <summary>The tables of one component. Its version is the number of its migrations that have run.</summary>
/// <param name="Component">Unique in the database, and never changed.</param>
/// <param name="Migrations">SQL scripts, run once each in this order; only appended to.</param>
public sealed record SqliteSchema(string Component, IReadOnlyList<string> Migrations);
