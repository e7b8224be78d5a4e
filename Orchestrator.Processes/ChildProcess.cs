using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Orchestrator.Processes;

/// <summary>What to start.</summary>
internal sealed record ChildProcessStart
{
    /// <summary>Program and arguments, handed over as they are. A program without a slash is looked for in PATH of <see cref="Environment"/>.</summary>
    internal required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>The whole environment; nothing is inherited.</summary>
    internal required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>An absolute path.</summary>
    internal required string WorkingDirectory { get; init; }

    /// <summary>Whether to give it a pipe as standard input; else it reads the end of the file at once.</summary>
    internal bool HasInput { get; init; }
}

/// <summary>How a process ended: one of the two.</summary>
/// <param name="Code">Its exit code; null when a signal ended it.</param>
/// <param name="Signal">The signal that ended it; null when it exited.</param>
internal readonly record struct ChildExit(int? Code, int? Signal)
{
    internal bool IsSuccess => Code == 0;

    internal static ChildExit FromStatus(int status) => (status & 0x7f) == 0 ? new(status >> 8 & 0xff, null) : new(null, status & 0x7f);

    public override string ToString() => Code is { } code ? $"exit code {code}" : Signals.NameOf(Signal ?? 0);
}

/// <summary>A program that could not be started. The message names it and the reason.</summary>
internal sealed class ChildProcessException(string message) : Exception(message);

/// <summary>
/// A child that is a session and process group of its own (pid = session = group), with default signals and pipes. Made by <c>posix_spawn</c>: .NET's Process can
/// neither make a session nor reset what is ignored, and it inherits the environment.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    private const int NoHang = 1;

    private ChildProcess(int pid, SafeFileHandle? input, SafeFileHandle output, SafeFileHandle error)
    {
        (Pid, StandardInput, StandardOutput, StandardError) = (pid, input, output, error);
        // Read before anyone waits for the child: until then its pid cannot be another's.
        Identity = ProcessIdentity.Of(pid) ?? new ProcessIdentity(pid, 0, ProcessIdentity.CurrentBootId);
    }

    /// <summary>Its process, session and process group id.</summary>
    internal int Pid { get; }

    internal ProcessIdentity Identity { get; }

    /// <summary>Our end; null when none was asked for.</summary>
    internal SafeFileHandle? StandardInput { get; }

    /// <summary>Our end.</summary>
    internal SafeFileHandle StandardOutput { get; }

    /// <summary>Our end.</summary>
    internal SafeFileHandle StandardError { get; }

    /// <exception cref="ChildProcessException">Program or folder is missing, not executable, or no program; or the system has no more descriptors or processes to give.</exception>
    internal static ChildProcess Start(ChildProcessStart start)
    {
        var program = FindProgram(start);
        var pipes = OpenPipes(start);
        var (input, output, error) = (start.HasInput ? pipes[2] : default, pipes[0], pipes[1]);
        try
        {
            var result = Spawn(program, start, start.HasInput ? input.Read : null, output.Write, error.Write, out var pid);
            if (result != 0)
                throw new ChildProcessException($"{start.Arguments[0]} could not be started in {start.WorkingDirectory}: {LibC.Describe(result)}");
            var ours = start.HasInput ? Own(input.Write) : null;
            return new ChildProcess(pid, ours, Own(output.Read), Own(error.Read));
        }
        catch (ChildProcessException)
        {
            if (start.HasInput) _ = LibC.Close(input.Write);
            _ = LibC.Close(output.Read);
            _ = LibC.Close(error.Read);
            throw;
        }
        finally
        {
            if (start.HasInput) _ = LibC.Close(input.Read);
            _ = LibC.Close(output.Write);
            _ = LibC.Close(error.Write);
        }
    }

    /// <summary>Waits on the calling thread. Call once.</summary>
    /// <param name="reapOthers">Whether to take in every other child that ends meanwhile: for a subreaper, to whom strangers are given.</param>
    internal ChildExit WaitForExit(bool reapOthers = false)
    {
        while (true)
        {
            var pid = LibC.WaitForChild(reapOthers ? -1 : Pid, out var status, 0);
            if (pid == Pid) return ChildExit.FromStatus(status);
            if (pid > 0) continue;
            var error = Marshal.GetLastPInvokeError();
            if (error != LibC.Interrupted) throw new InvalidOperationException($"waitpid {Pid}: {LibC.Describe(error)}");
        }
    }

    /// <summary>Waits on a thread of its own. Call once.</summary>
    internal Task<ChildExit> WaitForExitAsync()
    {
        var exit = new TaskCompletionSource<ChildExit>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => exit.SetResult(WaitForExit()), 128 * 1024) { IsBackground = true, Name = $"wait {Pid}" }.Start();
        return exit.Task;
    }

    /// <summary>Takes in every child that has ended, without waiting.</summary>
    internal static void ReapEnded()
    {
        while (LibC.WaitForChild(-1, out _, NoHang) > 0)
        {
            // Only that they are gone counts.
        }
    }

    /// <summary>Closes our ends of the pipes. The process goes on.</summary>
    public void Dispose()
    {
        StandardInput?.Dispose();
        StandardOutput.Dispose();
        StandardError.Dispose();
    }

    /// <summary>For output, error and, when it has one, input.</summary>
    private static (int Read, int Write)[] OpenPipes(ChildProcessStart start)
    {
        var pipes = new (int Read, int Write)[start.HasInput ? 3 : 2];
        var opened = 0;
        try
        {
            for (; opened < pipes.Length; opened++) pipes[opened] = LibC.OpenPipe();
            return pipes;
        }
        catch (IOException failure)
        {
            foreach (var (read, write) in pipes.AsSpan(0, opened))
            {
                _ = LibC.Close(read);
                _ = LibC.Close(write);
            }

            throw new ChildProcessException($"{start.Arguments[0]} could not be started: {failure.Message}");
        }
    }

    private static SafeFileHandle Own(int descriptor) => new(descriptor, ownsHandle: true);

    private static string FindProgram(ChildProcessStart start)
    {
        var program = start.Arguments[0];
        if (program.Contains('/', StringComparison.Ordinal)) return Path.Combine(start.WorkingDirectory, program);
        var path = start.Environment.GetValueOrDefault("PATH", "/usr/local/bin:/usr/bin:/bin");
        foreach (var folder in path.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            var candidate = Path.Combine(start.WorkingDirectory, folder, program);
            if (IsExecutable(candidate)) return candidate;
        }

        throw new ChildProcessException($"The program {program} is not in PATH ({path}).");
    }

    /// <summary>Whether it is a file that this process may run.</summary>
    internal static bool IsExecutable(string path)
    {
        const int MayExecute = 1;
        return File.Exists(path) && LibC.Access(path, MayExecute) == 0;
    }

    private static unsafe int Spawn(string program, ChildProcessStart start, int? input, int output, int error, out int pid)
    {
        var attributes = stackalloc byte[LibC.OpaqueBytes];
        var actions = stackalloc byte[LibC.OpaqueBytes];
        SetAttributes(attributes);
        Check(LibC.InitializeFileActions(actions));
        var arguments = Strings(start.Arguments);
        var variables = new List<string>(start.Environment.Count);
        foreach (var (name, value) in start.Environment) variables.Add($"{name}={value}");
        var environment = Strings(variables);
        try
        {
            Check(input is { } pipe ? LibC.AddDuplicate(actions, pipe, 0) : LibC.AddOpen(actions, 0, "/dev/null", 0, 0));
            Check(LibC.AddDuplicate(actions, output, 1));
            Check(LibC.AddDuplicate(actions, error, 2));
            Check(LibC.AddChangeFolder(actions, start.WorkingDirectory));
            return LibC.Spawn(out pid, program, actions, attributes, arguments, environment);
        }
        finally
        {
            Free(arguments);
            Free(environment);
            _ = LibC.DestroyFileActions(actions);
            _ = LibC.DestroyAttributes(attributes);
        }
    }

    private static unsafe void SetAttributes(byte* attributes)
    {
        const int SignalSetBytes = 128;
        var signals = stackalloc byte[SignalSetBytes];
        Check(LibC.InitializeAttributes(attributes));
        var flags = (short)(LibC.SpawnSetSession | LibC.SpawnSetSignalDefaults | LibC.SpawnSetSignalMask);
        if (OperatingSystem.IsMacOS()) flags |= LibC.SpawnCloseOnExecDefault;
        Check(LibC.SetFlags(attributes, flags));
        _ = LibC.EmptySet(signals);
        Check(LibC.SetSignalMask(attributes, signals));
        _ = LibC.FillSet(signals);
        _ = LibC.RemoveFromSet(signals, Signals.Kill);
        _ = LibC.RemoveFromSet(signals, Signals.Unblockable);
        Check(LibC.SetSignalDefaults(attributes, signals));
    }

    /// <summary>A null-terminated array of C strings, to be freed.</summary>
    private static unsafe byte** Strings(IReadOnlyList<string> values)
    {
        foreach (var value in values)
        {
            if (value.Contains('\0', StringComparison.Ordinal)) throw new ChildProcessException("An argument or variable holds a null character.");
        }

        var array = (byte**)NativeMemory.AllocZeroed((nuint)values.Count + 1, (nuint)sizeof(byte*));
        for (var i = 0; i < values.Count; i++) array[i] = (byte*)Marshal.StringToCoTaskMemUTF8(values[i]);
        return array;
    }

    private static unsafe void Free(byte** strings)
    {
        for (var i = 0; strings[i] is not null; i++) Marshal.FreeCoTaskMem((nint)strings[i]);
        NativeMemory.Free(strings);
    }

    private static void Check(int result)
    {
        if (result != 0) throw new ChildProcessException($"posix_spawn's preparation failed: {LibC.Describe(result)}");
    }
}
