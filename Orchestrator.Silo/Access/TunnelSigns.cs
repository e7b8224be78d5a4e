namespace Orchestrator.Silo.Access;

/// <summary>Whether a Cloudflare tunnel ends on this machine, as far as its usual places tell.</summary>
internal static class TunnelSigns
{
    private static readonly string[] Variables = ["TUNNEL_TOKEN", "TUNNEL_ID", "TUNNEL_NAME"];

    /// <summary>What hints at one; null: nothing.</summary>
    public static string? Find() => Find(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), Environment.GetEnvironmentVariable, File.Exists);

    /// <param name="home">The user's folder.</param>
    /// <param name="variable">An environment variable's value.</param>
    /// <param name="exists">Whether a file is there.</param>
    public static string? Find(string home, Func<string, string?> variable, Func<string, bool> exists)
    {
        if (Array.Find(Variables, name => !string.IsNullOrEmpty(variable(name))) is { } found) return found;
        string[] folders = [Path.Combine(home, ".cloudflared"), "/etc/cloudflared", "/usr/local/etc/cloudflared"];
        string[] files =
        [
            .. folders.SelectMany(folder => (string[])[Path.Combine(folder, "config.yml"), Path.Combine(folder, "config.yaml")]),
            "/etc/systemd/system/cloudflared.service", "/Library/LaunchDaemons/com.cloudflare.cloudflared.plist",
            Path.Combine(home, "Library", "LaunchAgents", "com.cloudflare.cloudflared.plist"),
        ];
        return Array.Find(files, exists.Invoke);
    }
}
