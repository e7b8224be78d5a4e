using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Access;

namespace Orchestrator.Silo.Http;

/// <summary>Every error of the HTTP surface, once. Types and codes never change their meaning.</summary>
internal static class Problems
{
    /// <summary>What a 401 says, by the check that failed.</summary>
    public static ProblemResult Unauthorized(SignatureResult result) => result switch
    {
        SignatureResult.Missing => MissingHeaders,
        SignatureResult.TimestampOutOfRange => TimestampOutOfRange,
        SignatureResult.NonceUsed => NonceUsed,
        _ => InvalidSignature,
    };

    public static ProblemResult TaskNotFound() => new("task-not-found", 404, "Task not found");

    public static ProblemResult TaskAlreadyCompleted() => new("task-already-completed", 409, "Task already completed");

    public static ProblemResult TaskIdTaken(string? detail) =>
        new("task-id-taken", 409, "Task id is taken") { Detail = detail ?? "Another request was accepted under this task id." };

    /// <summary>Names every field that breaks a rule.</summary>
    public static ProblemResult InvalidRequest(string error, IReadOnlyDictionary<string, IReadOnlyList<string>>? errors = null) =>
        new("invalid-request", 400, "Invalid request") { Error = error, Errors = errors };

    public static ProblemResult UnexpectedBody() => new("unexpected-body", 400, "This route takes no body");

    public static ProblemResult UnsupportedMediaType() =>
        new("unsupported-media-type", 415, "Unsupported media type") { Error = "Content-Type must be application/json" };

    public static ProblemResult UnsupportedContentEncoding() =>
        new("unsupported-media-type", 415, "Unsupported media type") { Error = "Content-Encoding must be identity", Detail = "Bodies are taken as they are, not compressed." };

    public static ProblemResult RangeNotSatisfiable(long length) =>
        new("range-not-satisfiable", 416, "Range not satisfiable") { Detail = $"There are {length} bytes." };

    /// <summary>The task is certainly not taken.</summary>
    public static ProblemResult Refused(AdmissionRefusal refusal) =>
        new("not-accepted", 503, "Task is not accepted") { Error = refusal.Error, Detail = refusal.Detail, RetryAfterSeconds = refusal.RetryAfterSeconds };

    public static ProblemResult AccountNotHeld(string account, IEnumerable<string> held) => new("account-not-held", 404, "Account is not held")
    {
        Detail = $"No usage limit holds the account {account}. Held are: {string.Join(", ", held.DefaultIfEmpty("none"))}.",
    };

    public static ProblemResult DatabaseNotWritable() =>
        new("database-not-writable", 503, "Database not writable") { Detail = "Nothing was stored. The service's log says why.", RetryAfterSeconds = 30 };

    public static ProblemResult DatabaseCorrupt(string path) => new("database-corrupt", 503, "Database corrupt")
    {
        Detail = $"{path} is damaged, or no database. It was left as it is. Stop the service, run scripts/restore.sh, start it again.",
        RetryAfterSeconds = 600,
    };

    public static ProblemResult ShuttingDown() => new("shutting-down", 503, "Service is shutting down") { RetryAfterSeconds = 60 };

    public static ProblemResult NoGitHubApp() => new("github-app-missing", 500, "No GitHub App is configured")
    {
        Detail = "There is no token to refresh: the machine's own git credentials are used.",
    };

    /// <summary>To a dispatcher, 500 says "ask again later, under the same id".</summary>
    public static ProblemResult OutcomeUnknown() => new("outcome-unknown", 500, "Whether the task was taken is not known")
    {
        Detail = "The database failed while the task was stored. Send the same request again: it is taken once.",
    };

    public static ProblemResult Internal() => new("internal-error", 500, "Internal error") { Detail = "The service's log says why." };

    /// <summary>For errors that the framework finds.</summary>
    public static ProblemResult ForStatus(int status) => status switch
    {
        404 => new("not-found", 404, "Not found"),
        405 => new("method-not-allowed", 405, "Method not allowed"),
        408 => new("request-timeout", 408, "The request came too slowly"),
        413 => new("body-too-large", 413, "Body is too large") { Detail = $"At most {RequestBody.BytesMax} bytes are taken." },
        415 => UnsupportedMediaType(),
        431 => new("headers-too-large", 431, "Headers are too large"),
        >= 400 and < 500 => new("bad-request", status, "Bad request"),
        _ => Internal(),
    };

    private static ProblemResult MissingHeaders { get; } = new("authentication-missing", 401, "Missing authentication headers");

    private static ProblemResult TimestampOutOfRange { get; } = new("timestamp-out-of-range", 401, "Timestamp too old or too new")
    {
        Detail = "X-Dispatch-Timestamp is Unix time in milliseconds, at most 5 minutes from ours: see the Date header.",
    };

    private static ProblemResult NonceUsed { get; } = new("nonce-used", 401, "Nonce already used");

    private static ProblemResult InvalidSignature { get; } = new("signature-invalid", 401, "Invalid signature");
}
