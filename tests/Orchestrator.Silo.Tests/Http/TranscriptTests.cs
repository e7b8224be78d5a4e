using System.Net.Http.Headers;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Http;

public sealed class TranscriptTests
{
    [Fact]
    public async Task Attempts_come_one_after_the_other()
    {
        await using var service = await StartAsync(("1.1", "first\n"), ("1.2", "sécond\n"), ("2.1", "third\n"));
        var response = await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript");
        Assert.Equal("text/plain; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal("bytes", response.Headers.AcceptRanges.Single());
        Assert.Equal("first\nsécond\nthird\n", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(0, 4, "01234", "bytes 0-4/12")]
    [InlineData(3, 8, "345678", "bytes 3-8/12")]
    [InlineData(5, null, "56789ab", "bytes 5-11/12")]
    [InlineData(10, 999, "ab", "bytes 10-11/12")]
    [InlineData(null, 3, "9ab", "bytes 9-11/12")]
    [InlineData(null, 999, "0123456789ab", "bytes 0-11/12")]
    public async Task A_range_of_bytes_may_cross_attempts(int? from, int? to, string expected, string contentRange)
    {
        await using var service = await StartAsync(("1.1", "01234"), ("1.2", ""), ("1.3", "56789ab"));
        var response = await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript", request => request.Headers.Range = new RangeHeaderValue(from, to));
        Assert.Equal(206, (int)response.StatusCode);
        Assert.Equal(contentRange, response.Content.Headers.ContentRange!.ToString());
        Assert.Equal(expected, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(0, 4, "01234")]
    [InlineData(3, 8, "345678")]
    [InlineData(6, 7, "67")]
    [InlineData(null, 3, "9ab")]
    public async Task A_range_is_the_same_when_old_attempts_are_compressed(int? from, int? to, string expected)
    {
        await using var service = await StartAsync(("1.1", "01234"), ("1.2", "56789"), ("1.3", "ab"));
        foreach (var attempt in (string[])["1.1", "1.2"])
            Assert.True(await OutputArchive.CompressAsync(Path.Combine(service.App.Settings.Home.SessionsPath, "task-1", attempt, "transcript.log"), default));
        var response = await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript", request => request.Headers.Range = new RangeHeaderValue(from, to));
        Assert.Equal((206, 12), ((int)response.StatusCode, response.Content.Headers.ContentRange!.Length));
        Assert.Equal(expected, await response.Content.ReadAsStringAsync());
        Assert.Equal("0123456789ab", await (await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript")).Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("bytes=12-")]
    [InlineData("bytes=-0")]
    public async Task A_range_beyond_the_end_is_416(string range)
    {
        await using var service = await StartAsync(("1.1", "0123456789ab"));
        var response = await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript", request => request.Headers.TryAddWithoutValidation("Range", range));
        await response.ProblemAsync(416);
        Assert.Equal("bytes */12", response.Content.Headers.ContentRange!.ToString());
    }

    [Theory]
    [InlineData("bytes=0-1,3-4")]
    [InlineData("lines=1-2")]
    [InlineData("bytes=x")]
    public async Task Other_ranges_get_the_whole(string range)
    {
        await using var service = await StartAsync(("1.1", "0123456789ab"));
        var response = await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript", request => request.Headers.TryAddWithoutValidation("Range", range));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("0123456789ab", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_task_without_output_has_an_empty_transcript_and_an_unknown_one_none()
    {
        await using var service = await StartAsync();
        Assert.Equal("", await (await service.SendAsync(HttpMethod.Get, "/tasks/task-1/transcript")).Content.ReadAsStringAsync());
        await (await service.SendAsync(HttpMethod.Get, "/tasks/other/transcript")).ProblemAsync(404, "Task not found");
    }

    [Fact]
    public async Task Following_ends_with_the_task_and_misses_nothing()
    {
        await using var service = await StartAsync(("1.1", "one\n"));
        var task = service.Grains.Task("task-1");
        task.Snapshot = task.Snapshot! with { Status = AgentTaskStatus.Running, Phase = AgentTaskPhase.Running };
        using var response = await service.Http.GetAsync("/tasks/task-1/transcript?follow=true", HttpCompletionOption.ResponseHeadersRead).Within("the answer begins");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("one", await reader.ReadLineAsync().Within("the first line"));

        await AppendAsync(service, "1.1", "two\n");
        await LookAgainAsync(service);
        Assert.Equal("two", await reader.ReadLineAsync().Within("what was added"));

        // A second attempt begins while the first one's last words have not been sent yet.
        await AppendAsync(service, "1.1", "three\n");
        await AppendAsync(service, "1.2", "four\n");
        task.Snapshot = task.Snapshot with { Attempts = Attempts("1.1", "1.2"), Phase = AgentTaskPhase.Ended };
        await LookAgainAsync(service);
        Assert.Equal("three\nfour\n", await reader.ReadToEndAsync().Within("the end"));
    }

    [Fact]
    public async Task Following_begins_before_there_is_anything_to_read()
    {
        await using var service = await StartAsync();
        var task = service.Grains.Task("task-1");
        task.Snapshot = task.Snapshot! with { Phase = AgentTaskPhase.Waiting };
        using var response = await service.Http.GetAsync("/tasks/task-1/transcript?follow=true", HttpCompletionOption.ResponseHeadersRead).Within("the answer begins");
        Assert.Equal(200, (int)response.StatusCode);
    }

    [Fact]
    public async Task Following_ends_when_the_service_stops()
    {
        await using var service = await StartAsync(("1.1", "one\n"));
        var task = service.Grains.Task("task-1");
        task.Snapshot = task.Snapshot! with { Phase = AgentTaskPhase.Running };
        using var response = await service.Http.GetAsync("/tasks/task-1/transcript?follow=true", HttpCompletionOption.ResponseHeadersRead).Within("the answer begins");
        var all = response.Content.ReadAsStringAsync();
        await service.App.Web.StopAsync().Within("the service stops", TimeSpan.FromSeconds(9));
        Assert.Equal("one\n", await all.Within("the answer ends"));
    }

    private static async Task LookAgainAsync(ServiceUnderTest service)
    {
        await service.Clock.TimerDueInAsync(TimeSpan.FromMilliseconds(250)).Within("the follower waits");
        service.Clock.Advance(TimeSpan.FromMilliseconds(250));
    }

    private static async Task<ServiceUnderTest> StartAsync(params (string Attempt, string Text)[] transcripts)
    {
        var service = await ServiceUnderTest.StartAsync();
        foreach (var (attempt, text) in transcripts) await AppendAsync(service, attempt, text);
        service.Grains.Task("task-1").Snapshot = TaskRouteTests.Snapshot() with { Attempts = Attempts([.. transcripts.Select(transcript => transcript.Attempt)]) };
        return service;
    }

    private static async Task AppendAsync(ServiceUnderTest service, string attempt, string text)
    {
        var folder = Path.Combine(service.App.Settings.Home.SessionsPath, "task-1", attempt);
        Directory.CreateDirectory(folder);
        await File.AppendAllTextAsync(Path.Combine(folder, "transcript.log"), text);
    }

    private static AgentTaskAttempt[] Attempts(params string[] names) =>
        [.. names.Select(name => new AgentTaskAttempt { Run = int.Parse(name.Split('.')[0]), Number = int.Parse(name.Split('.')[1]) })];
}
