using System.Text.Json.Nodes;

namespace Orchestrator.Testing.ModelApi;

/// <summary>What the fake model API answers to one request of a session.</summary>
public sealed record ModelStep
{
    /// <summary>A text block; null: none. <c>{{cwd}}</c> stands for the agent's working directory, here and in the tools' inputs.</summary>
    public string? Text { get; init; }

    /// <summary>Tools that the model asks for.</summary>
    public IReadOnlyList<ModelToolUse> Tools { get; init; } = [];

    /// <summary>What the reply is said to have used.</summary>
    public ModelUsage Usage { get; init; } = new();

    /// <summary>Waited before the answer.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>An HTTP error in place of a reply; null: none.</summary>
    public ModelError? Error { get; init; }

    /// <summary>What comes after the stream has begun.</summary>
    public ModelStreamFate Fate { get; init; }

    /// <summary>Whether this step is played again and again instead of the next one.</summary>
    public bool IsRepeated { get; init; }

    /// <summary>A reply of text only.</summary>
    public static ModelStep Say(string text) => new() { Text = text };

    /// <summary>A reply that asks for one command.</summary>
    public static ModelStep Bash(string command) => new() { Tools = [new("Bash", new JsonObject { ["command"] = command, ["description"] = "Run a command" })] };

    /// <summary>A reply that asks for a file to be written.</summary>
    /// <param name="path">Absolute, or with <c>{{cwd}}</c>.</param>
    /// <param name="content">The file's content.</param>
    public static ModelStep Write(string path, string content) => new() { Tools = [new("Write", new JsonObject { ["file_path"] = path, ["content"] = content })] };

    /// <summary>An error, for this request and all that come after it.</summary>
    public static ModelStep AlwaysFail(int status, string type, string message) => new() { Error = new(status, type, message), IsRepeated = true };
}

/// <summary>One use of a tool.</summary>
/// <param name="Name">One that the agent offers.</param>
/// <param name="Input">Its input.</param>
public sealed record ModelToolUse(string Name, JsonObject Input);

/// <summary>Token counts.</summary>
public sealed record ModelUsage(int InputTokens = 1000, int OutputTokens = 50, int CacheReadTokens = 0, int CacheWriteTokens = 0);

/// <summary>An error of the API.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Type">The API's name for it, such as <c>overloaded_error</c>.</param>
/// <param name="Message">For people.</param>
public sealed record ModelError(int Status, string Type, string Message);

/// <summary>How a stream goes on once it has begun.</summary>
public enum ModelStreamFate
{
    /// <summary>To its end.</summary>
    Ends = 0,

    /// <summary>Silent, until the client goes.</summary>
    Hangs = 1,

    /// <summary>The connection is cut.</summary>
    Drops = 2,
}

/// <summary>A request that was made for a model's reply.</summary>
/// <param name="SessionId">The agent's session id.</param>
/// <param name="Number">In its session, from 1.</param>
/// <param name="Model">The model that it asks for.</param>
/// <param name="Messages">The conversation so far.</param>
public sealed record ModelRequest(string SessionId, int Number, string Model, JsonArray Messages);
