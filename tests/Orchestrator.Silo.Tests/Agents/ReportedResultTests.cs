using System.Diagnostics;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.Agents.Output;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>What an agent reports of its result: in its last words, and in <c>.orchestrator/result.json</c>.</summary>
public sealed class ReportedResultTests : IDisposable
{
    private const string Url1 = """{"prUrl":"https://example.com/1"}""";
    private const string Url2 = """{"prUrl":"https://example.com/2"}""";

    private readonly LaunchBench _bench = new();

    private string Worktree => Path.Combine(_bench.Folder, "worktree");

    private string ResultPath => Path.Combine(Worktree, ".orchestrator", "result.json");

    [Theory]
    [InlineData("```json\n{\"prUrl\":\"https://example.com/1\"}\n```")]
    [InlineData("Done.\n\n```orchestrator-result\n{\"prUrl\":\"https://example.com/1\"}\n```\nBye.")]
    [InlineData("```json\n{\"prUrl\":\"https://example.com/2\"}\n```\nNo, this:\n```json\n{\"prUrl\":\"https://example.com/1\"}\n```")]
    [InlineData("```json\n{\"prUrl\":\"https://example.com/1\"}\n```\n```json\n[1]\n```\n```json\n{cut\n```\n```sh\necho\n```")]
    [InlineData("````json\n{\"prUrl\":\"https://example.com/1\"}\n````\n```json\n[]\n```")]
    [InlineData("```json\n{\"prUrl\":\"https://example.com/1\"}")]
    [InlineData("  ```json  \n  {\"prUrl\":\n\"https://example.com/1\",\"other\":{}}\n  ```")]
    [InlineData("```json\r\n{\"prUrl\":\"https://example.com/1\"}\r\n```\r\n")]
    public void The_last_labelled_block_that_holds_an_object_counts(string text) => Assert.Equal(Url1, Read(text));

    [Theory]
    [InlineData("")]
    [InlineData("```\n{\"prUrl\":\"https://example.com/1\"}\n```")]
    [InlineData("{\"prUrl\":\"https://example.com/1\"}")]
    [InlineData("```json\n\"text\"\n```")]
    [InlineData("```json\n{\"unknown\":1}\n```")]
    [InlineData("```json\n{\"prUrl\":1}\n```")]
    [InlineData("```json\n```")]
    [InlineData("```")]
    [InlineData("````markdown\n```json\n{\"prUrl\":\"https://example.com/1\"}\n```\n````")]
    public void Anything_else_reports_nothing(string text) => Assert.Null(Read(text));

    [Fact]
    public void A_block_with_too_deep_or_too_long_JSON_reports_nothing()
    {
        Assert.Null(Read($"```json\n{string.Concat(Enumerable.Repeat("{\"a\":", 100))}1{new string('}', 100)}\n```"));
        Assert.Null(Read($"```json\n{{\"prUrl\":\"https://example.com/1\",\"x\":\"{new string('x', 300_000)}\"}}\n```"));
    }

    [Fact]
    public void The_file_wins_over_the_block_and_leaves_its_other_members()
    {
        WriteResult("""{"prUrl":"https://example.com/2"}""");

        var reported = Read("```json\n{\"prUrl\":\"https://example.com/1\",\"execution_outcome_label\":\"implemented\"}\n```");

        using var document = JsonDocument.Parse(reported!);
        Assert.Equal("https://example.com/2", document.RootElement.GetProperty("prUrl").GetString());
        Assert.Equal("implemented", document.RootElement.GetProperty("execution_outcome_label").GetString());
        Assert.Equal(2, document.RootElement.EnumerateObject().Count());
    }

    [Fact]
    public void The_file_alone_counts() => Assert.Equal(Url2, WriteAndRead(Url2));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{\"prUrl\":\"\\ud800\"}")]
    [InlineData("{\"rebaseResult\":{\"attempted\":true,\"success\":true,\"\\ud800aaaaaaaaaaaaa\":1}}")]
    [InlineData("null")]
    public void A_file_that_is_no_report_counts_for_nothing(string content) => Assert.Null(WriteAndRead(content));

    [Fact]
    public void A_file_that_is_too_large_counts_for_nothing() => Assert.Null(WriteAndRead($$"""{"prUrl":"https://example.com/2","x":"{{new string('x', ResultFile.BytesMax)}}"}"""));

    [Fact]
    public void A_link_in_place_of_the_file_is_not_followed()
    {
        var secret = Path.Combine(_bench.Folder, "secret.json");
        File.WriteAllText(secret, Url2);
        Directory.CreateDirectory(Path.GetDirectoryName(ResultPath)!);
        File.CreateSymbolicLink(ResultPath, secret);

        Assert.Null(Read(""));
    }

    [Fact]
    public void A_link_in_place_of_the_folder_is_not_followed()
    {
        var elsewhere = Directory.CreateDirectory(Path.Combine(_bench.Folder, "elsewhere")).FullName;
        File.WriteAllText(Path.Combine(elsewhere, "result.json"), Url2);
        Directory.CreateDirectory(Worktree);
        Directory.CreateSymbolicLink(Path.Combine(Worktree, ".orchestrator"), elsewhere);

        Assert.Null(Read(""));
    }

    [Fact]
    public void A_folder_in_place_of_the_file_counts_for_nothing()
    {
        Directory.CreateDirectory(ResultPath);

        Assert.Null(Read(""));
    }

    [Fact]
    public async Task A_pipe_in_place_of_the_file_is_not_waited_for()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(ResultPath)!);
        var info = new ProcessStartInfo { FileName = "mkfifo" };
        info.ArgumentList.Add(ResultPath);
        using (var made = Process.Start(info)!) await made.WaitForExitAsync();
        Assert.True(File.Exists(ResultPath));

        var read = Task.Run(() => Read(""));

        Assert.Null(await read.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System));
    }

    [Fact]
    public void Only_a_regular_file_of_our_own_is_read()
    {
        if (!OperatingSystem.IsLinux()) return; // Elsewhere the owner is not asked for.
        WriteResult(Url2);
        Assert.True(FileOwner.IsOwnRegularFile(ResultPath));
        Assert.False(FileOwner.IsOwnRegularFile("/dev/null"));
        Assert.False(FileOwner.IsOwnRegularFile(Worktree));
        Assert.False(FileOwner.IsOwnRegularFile(ResultPath + ".none"));
    }

    public void Dispose() => _bench.Dispose();

    private string? WriteAndRead(string content)
    {
        WriteResult(content);
        return Read("");
    }

    private void WriteResult(string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(ResultPath)!);
        File.WriteAllText(ResultPath, content);
    }

    private string? Read(string text)
    {
        Directory.CreateDirectory(Worktree);
        using (var events = File.CreateText(Path.Combine(_bench.Folder, SessionFiles.Events)))
        {
            foreach (var line in text.Split('\n'))
                events.WriteLine(JsonSerializer.Serialize(new() { Number = 1, At = 0, Source = "out", Text = line }, SessionJsonContext.Default.SessionEvent));
        }

        return _bench.Table().ReadReport("script", _bench.Folder, Worktree).ReportedJson;
    }
}
