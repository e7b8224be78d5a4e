using System.IO.Compression;
using System.Text;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Cleanup;

public sealed class OutputArchiveTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    private string Output => _folder.At("transcript.log");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_compressed_file_reads_as_before()
    {
        var text = string.Concat(Enumerable.Range(0, 20_000).Select(line => $"line {line}\n"));
        await File.WriteAllTextAsync(Output, text);
        Assert.True(await OutputArchive.CompressAsync(Output, default));
        Assert.Equal([Output + ".gz"], Directory.GetFiles(_folder.Root));
        Assert.Equal(text.Length, OutputArchive.Length(Output));
        Assert.Equal(text, await ReadAsync());
    }

    [Fact]
    public async Task An_empty_file_stays_empty()
    {
        await File.WriteAllTextAsync(Output, "");
        Assert.True(await OutputArchive.CompressAsync(Output, default));
        Assert.Equal((0, ""), (OutputArchive.Length(Output), await ReadAsync()));
    }

    [Fact]
    public void A_file_that_is_not_there_has_no_length() => Assert.Equal(0, OutputArchive.Length(_folder.At("nowhere", "transcript.log")));

    // A crash leaves a half-written file aside, or both files.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_crash_at_any_point_nothing_is_lost_and_it_goes_on(bool isRenamed)
    {
        await File.WriteAllTextAsync(Output, "all of it");
        if (isRenamed) await ZipAsync(Output + ".gz", "all of it");
        else await File.WriteAllBytesAsync(Output + ".gz.0123.tmp", [0x1f, 0x8b]);
        Assert.Equal((9, "all of it"), (OutputArchive.Length(Output), await ReadAsync()));
        Assert.True(await OutputArchive.CompressAsync(Output, default));
        Assert.Equal((9, "all of it"), (OutputArchive.Length(Output), await ReadAsync()));
    }

    [Fact]
    public async Task A_link_is_not_followed()
    {
        await File.WriteAllTextAsync(_folder.At("precious.txt"), "precious");
        File.CreateSymbolicLink(Output, _folder.At("precious.txt"));
        Assert.False(await OutputArchive.CompressAsync(Output, default));
        Assert.Equal("precious", await File.ReadAllTextAsync(_folder.At("precious.txt")));
    }

    [Fact]
    public async Task Who_reads_while_it_is_compressed_reads_all_of_it()
    {
        var text = new string('x', 1 << 20);
        await File.WriteAllTextAsync(Output, text);
        await using var open = OutputArchive.OpenRead(Output);
        await OutputArchive.CompressAsync(Output, default);
        using var reader = new StreamReader(open);
        Assert.Equal(text, await reader.ReadToEndAsync());
    }

    private async Task<string> ReadAsync()
    {
        await using var file = OutputArchive.OpenRead(Output);
        using var reader = new StreamReader(file, Encoding.UTF8);
        return await reader.ReadToEndAsync();
    }

    private static async Task ZipAsync(string path, string text)
    {
        await using var zip = new GZipStream(new FileStream(path, FileMode.CreateNew), CompressionLevel.Fastest);
        await zip.WriteAsync(Encoding.UTF8.GetBytes(text));
    }
}
