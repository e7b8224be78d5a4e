using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests.AgentTasks;

public sealed class TaskErrorsTests
{
    [Theory]
    [InlineData(MachineFailureKind.Request, "fix_code", null)]
    [InlineData(MachineFailureKind.Machine, "contact_support", null)]
    [InlineData(MachineFailureKind.Passing, "retry", 60)]
    public void A_failed_setup_says_who_can_do_something_about_it(MachineFailureKind kind, string action, int? retryAfterSeconds)
    {
        var failure = new MachineFailure("It failed.", "Do this.", kind);
        Assert.Equal(new TaskError("SETUP_FAILED", "It failed.", new Remediation(action, retryAfterSeconds, "Do this.")), TaskErrors.Setup(failure, null));
        var ended = new SessionEndedReport(Session(), SessionEndKind.SetupFailed, Start, Failure: failure);
        Assert.Equal(new Remediation(action, retryAfterSeconds, "Do this.", Tree.Path), SessionVerdicts.Judge(ended, Tree).Error!.Remediation);
    }

    [Fact]
    public void A_failure_that_nobody_classified_is_the_requests() => Assert.Equal("fix_code", TaskErrors.Setup(null, null).Remediation.Action);
}
