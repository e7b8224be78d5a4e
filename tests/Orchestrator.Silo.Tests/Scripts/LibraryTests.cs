using System.Globalization;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary><c>scripts/lib.sh</c>, and that every script can be read by bash.</summary>
public sealed class LibraryTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public static TheoryData<string> Scripts => [.. Directory.GetFiles(Path.Combine(RepositoryRoot.Path, "scripts"), "*.sh").Append(Path.Combine(RepositoryRoot.Path, ".ci", "run"))
        .Select(path => Path.GetRelativePath(RepositoryRoot.Path, path))];

    private string Home => _scratch.At("home");

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(Scripts))]
    public async Task Every_script_is_read_without_an_error(string script) => Assert.Equal(new ShellRun(0, "", ""), await ShellRun.BashAsync(_scratch.Root, ["-n", script]));

    [Theory]
    [InlineData("{\"pid\":123,\"port\":8080,\"url\":\"http://127.0.0.1:8080\"}", "123 8080 http://127.0.0.1:8080 .")]
    [InlineData("{\"url\":\"http://[::1]:9\",\"pid\":7}", "7  http://[::1]:9 .")]
    [InlineData("", "   .")]
    public async Task Members_of_a_file_are_read(string json, string expected)
    {
        await File.WriteAllTextAsync(_scratch.At("service.json"), json);
        const string lines = "echo \"$(json_member \"$service_file\" pid) $(json_member \"$service_file\" port) $(json_member \"$service_file\" url) $(json_member /no/such/file pid).\"";
        Assert.Equal(new ShellRun(0, expected + "\n", ""), await ShellRun.LibraryAsync(_scratch.Root, lines));
    }

    [Fact]
    public async Task A_pid_that_somebody_else_has_is_no_service()
    {
        foreach (var pid in (string[])[Environment.ProcessId.ToString(CultureInfo.InvariantCulture), "4194305", "", "-1", "$(touch /tmp/never)"])
        {
            await File.WriteAllTextAsync(_scratch.At("service.json"), $$"""{"pid":{{pid}},"port":1,"url":"http://127.0.0.1:1"}""");
            Assert.Equal(new ShellRun(1, "", ""), await ShellRun.LibraryAsync(_scratch.Root, "service_pid"));
        }
    }

    [Fact]
    public async Task A_secret_is_made_once_for_this_user_only()
    {
        var first = await ShellRun.LibraryAsync(Home, "umask 000; ensure_secret; cat \"$secret_file\"");
        Assert.Equal(0, first.ExitCode);
        Assert.Matches("^[0-9a-f]{64}$", first.Output);
        Assert.Equal(new ShellRun(0, first.Output, ""), await ShellRun.LibraryAsync(Home, "ensure_secret; cat \"$secret_file\""));
        if (OperatingSystem.IsWindows()) return;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Home, "dispatch-secret")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Home));
    }

    [Theory]
    [InlineData("{\"DISPATCH_SECRET\":\"abc\"}", "abc")]
    [InlineData("{\n  \"PORT\": 1,\n  \"dispatch_secret\" :\n \"abc,def\"\n}", "abc")]
    [InlineData("{ \"DISPATCH_SECRET\": [ \"abc\", \"def\" ] }", "abc")]
    [InlineData("{\n  // \"DISPATCH_SECRET\": \"abc\"\n}", "")]
    [InlineData("{ \"DISPATCH_SECRET\": \"\" }", "")]
    [InlineData("{ \"DISPATCH_SECRET\": null, \"GIT_URL_TEMPLATE\": \"x\" }", "")]
    public async Task A_secret_that_stands_in_the_settings_file_is_found(string json, string expected)
    {
        await File.WriteAllTextAsync(_scratch.At("orchestrator.json"), json);
        var run = await ShellRun.LibraryAsync(_scratch.Root, "configured_secret");
        Assert.Equal((0, expected), (run.ExitCode, run.Output.Trim()));
    }

    [Fact]
    public async Task Programs_that_are_built_find_an_SDK_that_only_the_PATH_has()
    {
        _scratch.Script("dotnet", "echo '9.0.100 [/usr/share/dotnet/sdk]'\necho '10.0.100 [/old/sdk]'\necho '10.0.101 [/opt/my net/sdk]'\necho '11.0.100-preview [/new/sdk]'");
        var path = new Dictionary<string, string> { ["PATH"] = $"{_scratch.Root}:{Environment.GetEnvironmentVariable("PATH")}" };
        Assert.Equal(new ShellRun(0, "DOTNET_ROOT=/opt/my net\n", ""), await ShellRun.LibraryAsync(Home, "need_dotnet; env | grep ^DOTNET_ROOT=", path));
        var set = new Dictionary<string, string>(path) { ["DOTNET_ROOT"] = "/mine" };
        Assert.Equal(new ShellRun(0, "DOTNET_ROOT=/mine\n", ""), await ShellRun.LibraryAsync(Home, "need_dotnet; env | grep ^DOTNET_ROOT=", set));

        _scratch.Script("dotnet", "echo '9.0.100 [/usr/share/dotnet/sdk]'");
        var run = await ShellRun.LibraryAsync(Home, "need_dotnet; echo never", path);
        Assert.Equal((1, ""), (run.ExitCode, run.Output));
        Assert.Contains("there is only: 9.0.100 [/usr/share/dotnet/sdk]", run.Error);
    }

    [Theory]
    [InlineData("/abs/home", "/abs/home")]
    [InlineData("~/mine", "/user/mine")]
    [InlineData("rel/home", "/called/from/rel/home")]
    public async Task A_home_is_absolute(string named, string expected)
    {
        var variables = new Dictionary<string, string> { ["ORCHESTRATOR_HOME"] = named, ["HOME"] = "/user" };
        var run = await ShellRun.BashAsync(Home, ["-c", "OLDPWD=/called/from; . scripts/lib.sh; echo \"$home $ORCHESTRATOR_HOME\""], variables: variables);
        Assert.Equal(new ShellRun(0, $"{expected} {expected}\n", ""), run);
    }
}
