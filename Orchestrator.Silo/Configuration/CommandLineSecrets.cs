namespace Orchestrator.Silo.Configuration;

/// <summary>Keeps secrets away from the command line: every user of the machine sees it in the list of processes.</summary>
internal static class CommandLineSecrets
{
    /// <exception cref="StartException">A secret stands there; the message names the setting, not the secret.</exception>
    public static void Refuse(string[] args)
    {
        var given = new ConfigurationBuilder().AddCommandLine(args).Build();
        var names = SettingTable.All.Where(setting => setting.IsSecret && given[setting.Name] is not null).Select(setting => setting.Name).ToList();
        if (names.Count == 0) return;
        throw new StartException($"{string.Join(" and ", names)} may hold a secret, and a command line is seen by everybody on this machine ('ps'). "
            + $"Give it by the environment, or in {SettingsReader.FileName} in {SettingTable.HomeName}; change what has been seen.");
    }
}
