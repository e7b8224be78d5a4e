namespace Orchestrator.Testing;

/// <summary>The folder of this repository that the tests were built in.</summary>
public static class RepositoryRoot
{
    /// <summary>Its path, absolute.</summary>
    public static string Path { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder)
    {
        for (var each = new DirectoryInfo(folder); each is not null; each = each.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(each.FullName, "Orchestrator.sln"))) return each.FullName;
        }

        throw new InvalidOperationException($"No folder above {folder} has Orchestrator.sln: the tests must run inside the repository.");
    }
}
