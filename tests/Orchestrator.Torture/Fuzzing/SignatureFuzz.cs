using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Configuration;
using Orchestrator.Testing;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>Signed requests: exactly those are valid that say what was signed, whatever is moved between headers and body.</summary>
internal sealed class SignatureFuzz
{
    private const string Secret = "fuzz-secret";
    private readonly TimeProvider _clock = new ManualClock();
    private readonly DispatchSignature _signature;

    public SignatureFuzz() => _signature = new(Options.Create(new DispatchOptions { Secrets = [Secret] }), new FreshNonces(), _clock);

    public string? Try(Random random)
    {
        var nonce = Nonce(random);
        var timestamp = $"{_clock.GetUtcNow().ToUnixTimeMilliseconds() + random.Next(-200_000, 200_000)}";
        var body = Encoding.UTF8.GetBytes(Mutations.From("{}\":,abc012-.\n", random, 40));
        var good = new SignatureHeaders(timestamp, nonce, Convert.ToHexStringLower(Sign(timestamp, nonce, body)));
        var (headers, sent) = Spoil(good, body, random);

        var isSame = headers.Timestamp == good.Timestamp && headers.Nonce == good.Nonce && sent.AsSpan().SequenceEqual(body)
            && string.Equals(headers.Signature, good.Signature, StringComparison.OrdinalIgnoreCase);
        var result = _signature.CheckHeaders(headers);
        if (result == SignatureResult.Valid) result = _signature.VerifyAsync(headers, sent).GetAwaiter().GetResult();
        return isSame == (result == SignatureResult.Valid) ? null : $"{result} for {headers} over {Convert.ToHexString(sent)}, where {good} over {Convert.ToHexString(body)} was signed";
    }

    private static (SignatureHeaders Headers, byte[] Body) Spoil(SignatureHeaders good, byte[] body, Random random)
    {
        switch (random.Next(9))
        {
            case 0:
                return (good with { Timestamp = Mutations.Spoil(good.Timestamp, random) }, body);
            case 1:
                return (good with { Nonce = Mutations.Spoil(good.Nonce, random) }, body);
            case 2:
                return (good with { Signature = Mutations.Spoil(good.Signature, random) }, body);
            case 3:
                return (good, Mutations.Spoil(body, random));
            case 4:
                // What is between the dots moves.
                var all = $"{good.Timestamp}.{good.Nonce}.{Encoding.UTF8.GetString(body)}";
                var (first, second) = (random.Next(all.Length), random.Next(all.Length));
                (first, second) = (Math.Min(first, second), Math.Max(first, second));
                return (good with { Timestamp = all[..first], Nonce = all[Math.Min(first + 1, second)..second] }, Encoding.UTF8.GetBytes(all[Math.Min(second + 1, all.Length)..]));
            case 5:
                return (good with { Nonce = good.Nonce.ToUpperInvariant() }, body);
            case 6:
                return (good with { Signature = good.Signature.ToUpperInvariant() }, body);
            case 7:
                return (new("", good.Nonce, good.Signature), body);
            default:
                return (good, body);
        }
    }

    private static byte[] Sign(string timestamp, string nonce, byte[] body) =>
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), (byte[])[.. Encoding.UTF8.GetBytes($"{timestamp}.{nonce}."), .. body]);

    private static string Nonce(Random random)
    {
        var bytes = new byte[16];
        random.NextBytes(bytes);
        (bytes[6], bytes[8]) = ((byte)(0x40 | (bytes[6] & 0x0f)), (byte)(0x80 | (bytes[8] & 0x3f)));
        return new Guid(bytes, bigEndian: true).ToString();
    }

    private sealed class FreshNonces : INonces
    {
        public NonceState Look(Guid nonce, DateTimeOffset signedAt) => NonceState.Fresh;

        public Task<NonceState> SpendAsync(Guid nonce, DateTimeOffset signedAt) => Task.FromResult(NonceState.Fresh);
    }
}
