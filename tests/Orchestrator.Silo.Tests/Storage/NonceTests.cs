using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Tests.Http;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Storage;

/// <summary>Nonces over time: restarts, clocks that jump, and what is forgotten.</summary>
public sealed class NonceTests
{
    private const string Nonce = "00000000-0000-4000-8000-0000000000bb";

    [Fact]
    public async Task A_nonce_stays_spent_after_a_restart()
    {
        using var scratch = new ScratchFolder();
        await using (var first = await ServiceUnderTest.StartAsync(scratch.At("home")))
            Assert.Equal(202, (int)(await first.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).StatusCode);

        await using var second = await ServiceUnderTest.StartAsync(scratch.At("home"));
        await (await second.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).ProblemAsync(401, "Nonce already used");
    }

    [Fact]
    public async Task A_clock_that_jumps_back_opens_nothing_again()
    {
        using var scratch = new ScratchFolder();
        var clock = new ManualClock();
        var signedAt = clock.GetUtcNow();
        await using (var service = await ServiceUnderTest.StartAsync(scratch.At("home"), clock))
        {
            Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).StatusCode);
            clock.SetWallClockForward(TimeSpan.FromMinutes(20));
            for (var i = 0; i < 3; i++) Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody())).StatusCode);
            Assert.Equal(3, Count(service));

            clock.SetWallClockForward(TimeSpan.FromMinutes(-20));
            await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce, at: signedAt)).ProblemAsync(401);
        }

        await using var again = await ServiceUnderTest.StartAsync(scratch.At("home"), clock);
        await (await again.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce, at: signedAt)).ProblemAsync(401);

        // What is signed later than all that was forgotten goes on.
        Assert.Equal(202, (int)(await again.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), at: signedAt.AddMilliseconds(1))).StatusCode);
    }

    [Fact]
    public async Task A_clock_that_was_wrong_for_a_while_blocks_nothing_afterwards()
    {
        var clock = new ManualClock();
        await using var service = await ServiceUnderTest.StartAsync(clock: clock);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody())).StatusCode);
        clock.SetWallClockForward(TimeSpan.FromDays(1000));
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody())).StatusCode);
        clock.SetWallClockForward(TimeSpan.FromDays(-1000) + TimeSpan.FromSeconds(1));
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody())).StatusCode);
    }

    [Fact]
    public async Task Nonces_are_kept_for_twice_the_tolerance_and_then_forgotten_a_few_at_a_time()
    {
        var clock = new ManualClock();
        await using var service = await ServiceUnderTest.StartAsync(clock: clock);
        var nonces = service.Get<INonces>();
        for (var i = 0; i < 10; i++) Assert.Equal(NonceState.Fresh, await nonces.SpendAsync(Guid.NewGuid(), clock.GetUtcNow()));

        clock.SetWallClockForward(TimeSpan.FromMinutes(10));
        Assert.Equal(NonceState.Fresh, await nonces.SpendAsync(Guid.NewGuid(), clock.GetUtcNow()));
        Assert.Equal(11, Count(service));

        clock.SetWallClockForward(TimeSpan.FromMilliseconds(1));
        for (var i = 0; i < 3; i++) await nonces.SpendAsync(Guid.NewGuid(), clock.GetUtcNow());
        Assert.Equal(4, Count(service));
    }

    private static long Count(ServiceUnderTest service) =>
        service.Services.GetRequiredService<SqliteDatabase>().Read(session => (long)session.Scalar("SELECT count(*) FROM nonce")!);
}
