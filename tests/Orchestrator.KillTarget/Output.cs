namespace Orchestrator.KillTarget;

/// <summary>Lines for the test. Each goes to the pipe by itself and ends in ";", so that one that a kill has cut is not taken for another.</summary>
public sealed class Output(TextWriter writer)
{
    private readonly Lock _gate = new();

    public void Write(string line)
    {
        lock (_gate)
        {
            writer.Write(line + ";\n");
            writer.Flush();
        }
    }
}
