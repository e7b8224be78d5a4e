using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Torture.Checking;

namespace Orchestrator.Torture.Driving;

/// <summary>A task of a torture: what its agent does.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Kind">A word of <see cref="TortureAgent"/>.</param>
/// <param name="Seconds">How long it takes.</param>
/// <param name="Continues">A branch to go on with; null: a new one.</param>
internal sealed record TaskSpec(string TaskId, string Kind, double Seconds, string? Continues = null)
{
    private static readonly string[] Kinds = ["quick", "quick", "slow", "slow", "child", "fail", "dirty"];

    public string Prompt => string.Create(CultureInfo.InvariantCulture, $"{Kind} {Seconds:0.00} of {TaskId}: \"it's\" $HOME `id` ; \\\n");

    /// <summary>Of a kind and length that chance gives.</summary>
    public static TaskSpec Random(string taskId, Random random, double secondsMax) => new(taskId, Kinds[random.Next(Kinds.Length)], random.NextDouble() * secondsMax);

    /// <summary>How it should end when nobody cancels it.</summary>
    public Plan Plan() => new(
        TaskId, Kind == "fail" ? ["failed"] : Kind == "stubborn" ? ["cancelled"] : ["completed"], Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Prompt))));
}
