using System.Buffers.Binary;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Reads a write-ahead log as SQLite does at its recovery (https://www.sqlite.org/fileformat2.html#the_write_ahead_log): up to the first frame that does not fit.</summary>
/// <param name="Salts">What all its frames carry; changes whenever the log begins anew.</param>
/// <param name="Frames">Frames up to the last commit that SQLite will find.</param>
/// <param name="CommitsBehind">Commits of the same beginning that stand behind them, and that SQLite will drop without a word.</param>
internal sealed record WriteAheadLog(ulong Salts, uint Frames, int CommitsBehind)
{
    private const int HeaderBytes = 32, FrameHeaderBytes = 24;
    private const uint Magic = 0x377F0682;

    /// <summary>Null when it is not there, or its first bytes are none of a log.</summary>
    public static WriteAheadLog? Read(string path)
    {
        if (!File.Exists(path)) return null;
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1 << 16);
        var header = new byte[HeaderBytes];
        if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes) return null;
        var magic = BinaryPrimitives.ReadUInt32BigEndian(header);
        var pageBytes = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8));
        if ((magic & ~1u) != Magic || pageBytes is < 512 or > 65536) return null;
        var sums = new Checksum((magic & 1) != 0);
        sums.Add(header.AsSpan(0, 24));
        if (!sums.Is(header.AsSpan(24))) return null;
        return ReadFrames(file, header.AsSpan(16, 8), (int)pageBytes, sums);
    }

    private static WriteAheadLog ReadFrames(FileStream file, ReadOnlySpan<byte> salts, int pageBytes, Checksum sums)
    {
        var frame = new byte[FrameHeaderBytes + pageBytes];
        var (number, committed, commitsBehind, isSound) = (0u, 0u, 0, true);
        while (file.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false) == frame.Length)
        {
            var isOfThisLog = frame.AsSpan(8, 8).SequenceEqual(salts);
            if (isSound)
            {
                sums.Add(frame.AsSpan(0, 8));
                sums.Add(frame.AsSpan(FrameHeaderBytes));
                isSound = isOfThisLog && sums.Is(frame.AsSpan(16));
            }

            number++;
            if (BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(4)) == 0) continue;
            if (isSound) committed = number;
            else if (isOfThisLog) commitsBehind++;
        }

        return new(BinaryPrimitives.ReadUInt64BigEndian(salts), committed, commitsBehind);
    }

    private sealed class Checksum(bool isBigEndian)
    {
        private uint _first, _second;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            for (var i = 0; i < bytes.Length; i += 8)
            {
                _first += Word(bytes[i..]) + _second;
                _second += Word(bytes[(i + 4)..]) + _first;
            }
        }

        public bool Is(ReadOnlySpan<byte> stored) => BinaryPrimitives.ReadUInt32BigEndian(stored) == _first && BinaryPrimitives.ReadUInt32BigEndian(stored[4..]) == _second;

        private uint Word(ReadOnlySpan<byte> bytes) => isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
