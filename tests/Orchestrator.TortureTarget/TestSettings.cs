using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Silo.Machines.Git;

namespace Orchestrator.TortureTarget;

/// <summary>What tests shorten, and nobody else sets.</summary>
internal static class TestSettings
{
    public static void AddTo(IServiceCollection services)
    {
        if (Environment.GetEnvironmentVariable("TEST_GIT_SECONDS") is { Length: > 0 } seconds)
            services.Configure<GitOptions>(git => git.FetchTimeout = TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)));
    }
}
