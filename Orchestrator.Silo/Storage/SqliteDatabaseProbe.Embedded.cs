using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Silo.Health;

namespace Orchestrator.Silo.Storage;

/// <summary>Writes the one row of the nonces' floor as it is: a whole commit, of one page.</summary>
internal sealed class SqliteDatabaseProbe(SqliteDatabase database) : IDatabaseProbe
{
    public Task WriteAsync() => database.WriteAsync(session => session.Execute("UPDATE nonce_floor SET signed_at = signed_at"));
}
