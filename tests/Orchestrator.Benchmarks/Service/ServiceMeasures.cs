using System.Diagnostics;
using System.Globalization;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>What the service's process uses, and the repository that its tasks are about.</summary>
internal static class ServiceMeasures
{
    public const string Repository = "bench/app";
    private const int Files = 500, FilesInFolder = 10, Lines = 64;

    /// <summary>MiB of the machine's memory that a process holds.</summary>
    public static double MemoryOf(int pid)
    {
        using var process = Process.GetProcessById(pid);
        return process.WorkingSet64 / 1048576.0;
    }

    /// <summary>Processor time so far: says more than the clock where the machine is busy with other things.</summary>
    public static TimeSpan ProcessorTimeOf(int pid)
    {
        using var process = Process.GetProcessById(pid);
        return process.TotalProcessorTime;
    }

    /// <summary>500 files in 50 folders, about 4 KiB each.</summary>
    public static SampleRepository CreateRepository(ServicePlace place)
    {
        var repository = SampleRepository.Create(place, Repository, files: 0);
        repository.Push("Fill", [.. Enumerable.Range(0, Files).Select(i => (Path.Combine("src", $"part{i / FilesInFolder:00}", $"file{i:000}.txt"), TextOf(i)))]);
        return repository;
    }

    private static string TextOf(int file) =>
        string.Concat(Enumerable.Range(0, Lines).Select(line => string.Create(CultureInfo.InvariantCulture, $"File {file}, line {line}: some text that stands there for code.\n")));
}
