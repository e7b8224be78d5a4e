namespace Orchestrator.Testing.Service;

/// <summary>A bash script as the program behind <c>workerType: script</c> (<c>SCRIPT_AGENT</c>): prompt on standard input, worktree as working directory.</summary>
public sealed class ScriptAgent
{
    private ScriptAgent(string path) => ProgramPath = path;

    /// <summary>The setting's value.</summary>
    public string ProgramPath { get; }

    /// <summary>Lines that make a file from the prompt and commit it.</summary>
    public static string Commits { get; } =
        """
        cat >prompt.md
        echo "working on $TASK_ID"
        git add prompt.md
        git -c user.name=Agent -c user.email=agent@localhost -c commit.gpgsign=false commit -q -m "Do $TASK_ID"
        echo "done"
        """;

    /// <summary>
    /// Lines that run the prompt, itself a bash script. It has <c>commit MESSAGE</c> (adds a line to a file and commits) and <c>put NAME</c> (its standard input becomes the
    /// file NAME of the place, whole or not at all).
    /// </summary>
    public static string RunsPrompt { get; } =
        """
        commit() {
          echo "$1" >>work.txt
          git add --all
          git -c user.name=Agent -c user.email=agent@localhost -c commit.gpgsign=false commit -q -m "$1"
        }
        put() {
          cat >"$PLACE/$1.new"
          mv "$PLACE/$1.new" "$PLACE/$1"
        }
        export -f commit put
        cat >"$PLACE/$TASK_ID.$TASK_ATTEMPT.sh"
        exec bash -eu "$PLACE/$TASK_ID.$TASK_ATTEMPT.sh"
        """;

    /// <summary>Writes it. Lines run under <c>set -eu</c>; <c>$PLACE</c> is the place's root.</summary>
    public static ScriptAgent Write(ServicePlace place, string lines, string name = "agent.sh")
    {
        var agent = new ScriptAgent(place.At(name));
        agent.Replace(place, lines);
        return agent;
    }

    /// <summary>Another script from the next start on; one that runs goes on as it was.</summary>
    public void Replace(ServicePlace place, string lines)
    {
        var next = ProgramPath + ".new";
        File.WriteAllText(next, $"#!/bin/bash\nset -eu\nexport PLACE={place.Root}\n{lines}\n");
        ScratchFolder.SetMode(next, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.Move(next, ProgramPath, overwrite: true);
    }

    /// <summary>The program is gone.</summary>
    public void Remove() => File.Delete(ProgramPath);
}
