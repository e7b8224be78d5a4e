namespace Orchestrator.Silo.Access;

/// <summary>Whether a Cloudflare tunnel ends on this machine, as far as its usual places tell.</summary>
internal static class TunnelSigns
{
    private static readonly string[] Variables = ["TUNNEL_TOKEN", "TUNNEL_ID", "TUNNEL_NAME"];

    /// <summary>What hints at one; null: nothing.</summary>
    public static string? Find()
    {
        if (Array.Find(Variables, name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))) is { } variable) return variable;
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string[] files =
        [
            Path.Combine(home, ".cloudflared", "config.yml"), "/etc/cloudflared/config.yml", "/usr/local/etc/cloudflared/config.yml", "/etc/systemd/system/cloudflared.service",
            "/Library/LaunchDaemons/com.cloudflare.cloudflared.plist",
        ];
        return Array.Find(files, File.Exists);
    }
}
