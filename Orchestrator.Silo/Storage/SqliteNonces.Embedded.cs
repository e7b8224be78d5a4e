using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Storage;

/// <summary>
/// Spent nonces in the silo's database. Each write forgets a few that are older than twice the tolerance, and raises the <em>floor</em>: the latest signed time
/// among all that were ever forgotten. Nothing signed at or below the floor is taken again, so that a clock that jumps back re-opens nothing, and one that was
/// wrong for a while blocks nothing but what was signed before.
/// </summary>
internal sealed class SqliteNonces(SqliteDatabase database, TimeProvider clock) : INonces
{
    /// <summary>More than one, so that the table shrinks again after a busy time.</summary>
    private const int ForgottenAtOnce = 4;

    private static readonly TimeSpan KeptFor = DispatchOptions.Tolerance * 2;

    public static readonly SqliteSchema Schema = new("nonces",
    [
        """
        CREATE TABLE nonce (
            nonce BLOB NOT NULL PRIMARY KEY,
            signed_at INTEGER NOT NULL -- Unix time in milliseconds
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX nonce_signed_at ON nonce (signed_at);
        CREATE TABLE nonce_floor (
            id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
            signed_at INTEGER NOT NULL
        ) STRICT;
        INSERT INTO nonce_floor VALUES (1, 0);
        """,
    ]);

    // Read from the database at first use; raised by writers only, before they forget anything.
    private long _floor = -1;

    public NonceState Look(Guid nonce, DateTimeOffset signedAt)
    {
        if (signedAt.ToUnixTimeMilliseconds() <= Floor()) return NonceState.Forgotten;
        return database.Read(session => session.Scalar("SELECT 1 FROM nonce WHERE nonce = ?1", nonce.ToByteArray())) is null ? NonceState.Fresh : NonceState.Spent;
    }

    public Task<NonceState> SpendAsync(Guid nonce, DateTimeOffset signedAt)
    {
        Floor();
        var (key, time) = (nonce.ToByteArray(), signedAt.ToUnixTimeMilliseconds());
        var forgotten = (clock.GetUtcNow() - KeptFor).ToUnixTimeMilliseconds();
        return database.WriteAsync(session =>
        {
            // All writes run one after the other, so the floor cannot rise between this look and the insert.
            if (time <= Volatile.Read(ref _floor)) return NonceState.Forgotten;
            if (session.Execute("INSERT OR IGNORE INTO nonce VALUES (?1, ?2)", key, time) == 0) return NonceState.Spent;
            Forget(session, forgotten);
            return NonceState.Fresh;
        });
    }

    private void Forget(SqliteSession session, long before)
    {
        var old = session.Query(
            "SELECT nonce, signed_at FROM nonce WHERE signed_at < ?1 ORDER BY signed_at LIMIT ?2", row => (Key: row.Blob(0).ToArray(), At: row.Int64(1)), before, ForgottenAtOnce);
        if (old.Count == 0) return;

        // A commit that fails leaves the floor in memory higher than need be, which is the safe side.
        if (old[^1].At > Volatile.Read(ref _floor)) Volatile.Write(ref _floor, old[^1].At);
        foreach (var (key, _) in old) session.Execute("DELETE FROM nonce WHERE nonce = ?1", key);
        session.Execute("UPDATE nonce_floor SET signed_at = max(signed_at, ?1)", old[^1].At);
    }

    private long Floor()
    {
        var floor = Volatile.Read(ref _floor);
        if (floor >= 0) return floor;
        var stored = database.Read(session => (long)session.Scalar("SELECT signed_at FROM nonce_floor")!);
        return Interlocked.CompareExchange(ref _floor, stored, -1) is var known and >= 0 ? known : stored;
    }
}
