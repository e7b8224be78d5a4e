using Microsoft.AspNetCore.Http.HttpResults;

namespace Orchestrator.Silo.Http;

/// <summary>Answers that are no problems.</summary>
internal static class Answers
{
    /// <summary>JSON by the options of the host, which write what <c>AnswerJsonContext</c> describes.</summary>
    public static JsonHttpResult<T> Json<T>(T value, int status = StatusCodes.Status200OK) => TypedResults.Json(value, statusCode: status);
}
