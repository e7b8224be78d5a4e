using System.Net;
using System.Text;
using System.Text.Json;

namespace Orchestrator.Silo.Configuration;

/// <summary>Reads all settings and checks them, so that one start names everything that is wrong.</summary>
internal static class SettingsReader
{
    /// <summary>The file in <c>ORCHESTRATOR_HOME</c> that settings may stand in; the environment and the command line go before it.</summary>
    public const string FileName = "orchestrator.json";

    private static readonly Dictionary<string, Setting> ByName = SettingTable.All.ToDictionary(setting => setting.Name, StringComparer.OrdinalIgnoreCase);

    /// <param name="configuration">The usual providers: environment and command line.</param>
    /// <exception cref="StartException">A value breaks its rule, or a key of the file is unknown; the message names all of them, and no secret.</exception>
    public static OrchestratorSettings Read(IConfiguration configuration)
    {
        var settings = new OrchestratorSettings();
        var errors = new List<string>();
        Apply(ByName[SettingTable.HomeName], configuration[SettingTable.HomeName], settings, errors);
        var file = ReadFile(Path.Combine(settings.Home.Root, FileName), errors);
        foreach (var setting in SettingTable.All.Where(setting => setting.Name != SettingTable.HomeName))
            Apply(setting, NullIfEmpty(configuration[setting.Name]) ?? file.GetValueOrDefault(setting.Name), settings, errors);
        CheckTogether(settings, errors);
        if (errors.Count > 0) throw new StartException(Explain(errors));
        return settings;
    }

    private static string? NullIfEmpty(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();

    private static void Apply(Setting setting, string? value, OrchestratorSettings settings, List<string> errors)
    {
        value = NullIfEmpty(value);
        if (value is null || setting.Apply(settings, value)) return;
        errors.Add(setting.IsSecret ? $"{setting.Name} must be {setting.Rule}." : $"{setting.Name} is '{value}'; it must be {setting.Rule}.");
    }

    private static void CheckTogether(OrchestratorSettings settings, List<string> errors)
    {
        if (settings.Dispatch.Secrets.Count == 0 && !errors.Any(error => error.StartsWith(SettingTable.SecretName, StringComparison.Ordinal)))
        {
            errors.Add($"{SettingTable.SecretName} is not set: it is the secret that dispatchers sign with. scripts/start.sh makes one on first run; "
                + "or make one with 'openssl rand -hex 32' and give it to the service and to the dispatcher.");
        }

        if (settings.Access is { Mode: AccessMode.Open, IsBehindProxy: false } && !IPAddress.IsLoopback(settings.Server.Bind))
        {
            errors.Add($"ACCESS=open with BIND={settings.Server.Bind} lets everybody on the network in. Set BEHIND_PROXY=true when a proxy in front decides who "
                + "comes in; else use a loopback BIND, or ACCESS=local or signed.");
        }
    }

    /// <summary>Values by name; a list is joined by commas.</summary>
    private static Dictionary<string, string> ReadFile(string path, List<string> errors)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        try
        {
            if (!File.Exists(path)) return values;
            using var document = JsonDocument.Parse(
                File.ReadAllBytes(path), new() { AllowDuplicateProperties = false, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object) errors.Add($"{path} must hold a JSON object.");
            else foreach (var member in document.RootElement.EnumerateObject()) ReadMember(path, member, values, errors);
        }
        catch (JsonException exception)
        {
            errors.Add($"{path} is no valid JSON (line {exception.LineNumber + 1}).");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            errors.Add($"{path} cannot be read: {exception.Message}");
        }

        return values;
    }

    private static void ReadMember(string path, JsonProperty member, Dictionary<string, string> values, List<string> errors)
    {
        if (string.Equals(member.Name, SettingTable.HomeName, StringComparison.OrdinalIgnoreCase))
            errors.Add($"{path}: {member.Name} names the folder of this file, so it can only stand in the environment or on the command line.");
        else if (!ByName.TryGetValue(member.Name, out var setting))
            errors.Add($"{path}: unknown key '{member.Name}'.{Suggest(member.Name)}");
        else if (ToText(member.Value, setting.ListSeparator) is { } text)
            values[member.Name] = text;
        else if (member.Value.ValueKind != JsonValueKind.Null)
            errors.Add($"{path}: {member.Name} must be a text, a number, true, false or a list of texts.");
    }

    private static string? ToText(JsonElement value, string listSeparator) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            string.Join(listSeparator, value.EnumerateArray().Select(item => item.GetString())),
        _ => null,
    };

    private static string Suggest(string name)
    {
        var bare = name.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal);
        var near = ByName.Keys.FirstOrDefault(known => string.Equals(known.Replace("_", "", StringComparison.Ordinal), bare, StringComparison.OrdinalIgnoreCase));
        return near is null ? "" : $" Is {near} meant?";
    }

    private static string Explain(List<string> errors)
    {
        if (errors.Count == 1) return errors[0];
        var text = new StringBuilder("The configuration has ").Append(errors.Count).Append(" errors:");
        foreach (var error in errors) text.Append("\n  - ").Append(error);
        return text.ToString();
    }
}
