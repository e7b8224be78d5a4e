using Orchestrator.Silo.Machines.Sessions;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

/// <summary>The rule for "no sign of life", by tables: times in seconds, a timeout of 20 minutes, a look at processor time every 30 s.</summary>
public sealed class LifeSignsTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(20);

    [Theory]
    [InlineData(20.0, 30.0)]
    [InlineData(0.03, 0.45)]
    [InlineData(1.0, 15.0)]
    public void Processor_time_is_looked_at_every_quarter_of_the_timeout_at_most_every_30_s(double minutes, double seconds) =>
        Assert.Equal(seconds, new LifeSigns(TimeSpan.FromMinutes(minutes)).LookInterval.TotalSeconds, 3);

    [Theory]
    [InlineData("nothing at all", 0.0, 0.0, 1200)]
    [InlineData("an idle agent's timers", 0.01, 0.0, 1200)]
    [InlineData("a compiler", 1.0, 0.0, null)]
    [InlineData("a compiler that works now and then", 0.05, 0.0, null)]
    [InlineData("output every 10 minutes", 0.0, 600.0, null)]
    [InlineData("output every 19 minutes", 0.0, 1140.0, null)]
    public void A_session_without_a_sign_of_life_is_silent_after_the_timeout(string what, double share, double outputEvery, int? expected)
    {
        var signs = new LifeSigns(Timeout);
        TimeSpan? found = null;
        for (var second = 0; second <= 6000 && found is null; second++) found = Look(signs, second, share * second, outputEvery == 0 ? 0 : (long)(second / outputEvery), 0);
        if (expected is null) Assert.True(found is null, $"{what}: silent for {found}");
        else Assert.Equal(expected.Value, found!.Value.TotalSeconds, 0);
    }

    [Fact]
    public void Work_counts_from_its_last_moment_and_a_start_of_the_service_takes_the_files_time_for_the_output()
    {
        var signs = new LifeSigns(Timeout);
        for (var second = 0; second < 900; second++) Assert.Null(Look(signs, second, Math.Min(second, 600), 0, 0));
        Assert.Null(Look(signs, 1700, 600, 0, 0));
        Assert.Equal(1230, Look(signs, 1830, 600, 0, 0)!.Value.TotalSeconds, 0);

        // The output is 25 minutes old; what the processes did meanwhile is not known, so they are looked at for 5 minutes.
        var adopted = new LifeSigns(Timeout);
        TimeSpan? found = null;
        var at = 0;
        for (; found is null && at < 3600; at++) found = Look(adopted, at, 0, 0, 1500);
        Assert.InRange(at, 300, 302);
        Assert.InRange(found!.Value.TotalSeconds, 1800, 1802);
    }

    [Fact]
    public void A_silent_compiler_that_runs_while_the_service_is_started_again_is_left_alone()
    {
        var signs = new LifeSigns(Timeout);
        for (var second = 0; second < 7200; second++) Assert.Null(Look(signs, second, second, 0, 5000));
    }

    [Fact]
    public void A_clock_that_jumps_kills_nobody()
    {
        // Between two looks the wall clock goes on by 3 hours: the file's age is not asked for again.
        var signs = new LifeSigns(Timeout);
        for (var second = 0; second < 600; second++) Assert.Null(Look(signs, second, 0, 0, second < 100 ? 0 : 10_800));
    }

    [Fact]
    public void A_process_that_ends_and_takes_its_time_along_is_no_work_and_no_error()
    {
        var signs = new LifeSigns(Timeout);
        TimeSpan? found = null;
        for (var second = 0; second <= 1300 && found is null; second++) found = Look(signs, second, second < 200 ? 50 : 3, 0, 0);
        Assert.Equal(1200, found!.Value.TotalSeconds, 0);
    }

    [Fact]
    public void While_there_is_output_processor_time_is_not_even_asked_for()
    {
        var signs = new LifeSigns(Timeout);
        for (var second = 0; second < 3600; second++)
        {
            signs.SawOutput(TimeSpan.FromSeconds(second), (DateTime.UnixEpoch, second / 10), TimeSpan.Zero);
            Assert.False(signs.NeedsSample(TimeSpan.FromSeconds(second)));
        }
    }

    private static TimeSpan? Look(LifeSigns signs, int second, double processorSeconds, long output, double fileAge)
    {
        var at = TimeSpan.FromSeconds(second);
        signs.SawOutput(at, (DateTime.UnixEpoch, output), TimeSpan.FromSeconds(fileAge));
        if (signs.NeedsSample(at)) signs.SawProcessorTime(at, TimeSpan.FromSeconds(processorSeconds));
        return signs.SilenceAt(at);
    }
}
