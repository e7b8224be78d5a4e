namespace Orchestrator.Demo;

/// <summary>What people see. Lines of several tasks come at once, so each says whose it is.</summary>
internal static class Show
{
    private static readonly Lock Gate = new();
    private static readonly bool HasColors = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null;

    public static void Step(string text)
    {
        lock (Gate)
        {
            Console.WriteLine();
            Console.WriteLine(HasColors ? $"\u001b[1m{text}\u001b[0m" : text);
        }
    }

    public static void Line(string who, string text)
    {
        lock (Gate) Console.WriteLine(HasColors ? $"\u001b[36m{who}\u001b[0m {text}" : $"{who} {text}");
    }

    public static void Block(string text)
    {
        lock (Gate)
        {
            foreach (var line in text.TrimEnd().Split('\n')) Console.WriteLine($"    {line}");
        }
    }
}
