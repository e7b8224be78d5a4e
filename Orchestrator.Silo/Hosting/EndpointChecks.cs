using Orchestrator.Silo.Access;

namespace Orchestrator.Silo.Hosting;

/// <summary>A route that declares no access would be open to everybody by an oversight: it stops the start.</summary>
internal static class EndpointChecks
{
    public static void Check(IEndpointRouteBuilder routes)
    {
        foreach (var endpoint in Find(routes))
            if (endpoint.Metadata.GetMetadata<AccessRule>() is null)
                throw new InvalidOperationException($"Route {endpoint.DisplayName} declares no access: add WithAccess(…).");
    }

    public static IEnumerable<Endpoint> Find(IEndpointRouteBuilder routes) => routes.DataSources.SelectMany(source => source.Endpoints);
}
