using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Access;

/// <summary>What a signature is worth. In the order in which faults are reported.</summary>
internal enum SignatureResult
{
    /// <summary>It is right, and its nonce is spent now.</summary>
    Valid = 1,

    /// <summary>One of the three headers is missing.</summary>
    Missing = 2,

    /// <summary>The time is malformed, or too far from ours.</summary>
    TimestampOutOfRange = 3,

    /// <summary>The nonce was spent before.</summary>
    NonceUsed = 4,

    /// <summary>It does not fit, or the nonce has not the form of one.</summary>
    Invalid = 5,
}

/// <summary>The three headers of a signed request.</summary>
internal readonly record struct SignatureHeaders(string Timestamp, string Nonce, string Signature)
{
    public const string TimestampName = "X-Dispatch-Timestamp";
    public const string NonceName = "X-Dispatch-Nonce";
    public const string SignatureName = "X-Dispatch-Signature";

    /// <summary>Whether any of them is there: then a signature is meant, and checked.</summary>
    public bool IsAny => Timestamp.Length > 0 || Nonce.Length > 0 || Signature.Length > 0;

    public bool IsComplete => Timestamp.Length > 0 && Nonce.Length > 0 && Signature.Length > 0;

    public static SignatureHeaders Read(IHeaderDictionary headers) => new(Text(headers[TimestampName]), Text(headers[NonceName]), Text(headers[SignatureName]));

    // A header that comes twice is joined by a comma, which fits none of the three.
    private static string Text(StringValues values) => values.ToString();
}

/// <summary>
/// Checks signed requests (contract §1): hex HMAC-SHA256 of <c>{timestamp}.{nonce}.{raw body}</c>. Cheap faults are found first, and nothing is stored before the
/// signature fits.
/// </summary>
internal sealed class DispatchSignature(IOptions<DispatchOptions> options, INonces nonces, TimeProvider clock)
{
    private const int PrefixMax = 64;
    private const int TimestampDigitsMax = 15;

    private readonly byte[][] _keys = [.. options.Value.GetKeys()];

    /// <summary>What can be said without the body: <see cref="SignatureResult.Valid"/> means "nothing wrong so far".</summary>
    public SignatureResult CheckHeaders(SignatureHeaders headers)
    {
        if (!headers.IsComplete) return SignatureResult.Missing;
        if (ReadTime(headers.Timestamp) is not { } signedAt || (clock.GetUtcNow() - signedAt).Duration() > DispatchOptions.Tolerance)
            return SignatureResult.TimestampOutOfRange;
        return ReadNonce(headers.Nonce) is { } nonce ? ToResult(nonces.Look(nonce, signedAt)) : SignatureResult.Invalid;
    }

    /// <summary>The rest, after <see cref="CheckHeaders"/> has found nothing: spends the nonce when the signature fits.</summary>
    /// <param name="headers">The three headers.</param>
    /// <param name="body">The raw bytes; empty when the request has none.</param>
    public async Task<SignatureResult> VerifyAsync(SignatureHeaders headers, ReadOnlyMemory<byte> body)
    {
        if (!Fits(headers, body.Span)) return SignatureResult.Invalid;
        return ToResult(await nonces.SpendAsync(ReadNonce(headers.Nonce)!.Value, ReadTime(headers.Timestamp)!.Value));
    }

    private static SignatureResult ToResult(NonceState state) => state switch
    {
        NonceState.Fresh => SignatureResult.Valid,
        NonceState.Spent => SignatureResult.NonceUsed,
        _ => SignatureResult.TimestampOutOfRange,
    };

    private static DateTimeOffset? ReadTime(string text)
    {
        if (text.Length > TimestampDigitsMax || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)) return null;
        return milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : null;
    }

    /// <summary>Version 4, variant 1 (RFC 9562), in the canonical form alone: else characters could be moved from the body to the nonce, and one signature would fit both.</summary>
    private static Guid? ReadNonce(string text) =>
        text.Length == 36 && text.All(character => character == '-' || char.IsAsciiHexDigit(character)) && Guid.TryParseExact(text, "D", out var nonce) && text[14] == '4' && text[19] is '8' or '9' or 'a' or 'b' or 'A' or 'B' ? nonce : null;

    private bool Fits(SignatureHeaders headers, ReadOnlySpan<byte> body)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (headers.Signature.Length != given.Length * 2 || Convert.FromHexString(headers.Signature, given, out _, out _) != OperationStatus.Done) return false;

        // Clients that sign "no body" by way of JavaScript sign the text "undefined".
        return FitsBody(headers, body, given) || (body.IsEmpty && FitsBody(headers, "undefined"u8, given));
    }

    private bool FitsBody(SignatureHeaders headers, ReadOnlySpan<byte> body, ReadOnlySpan<byte> given)
    {
        var rented = ArrayPool<byte>.Shared.Rent(PrefixMax + body.Length);
        try
        {
            var length = Encoding.ASCII.GetBytes(headers.Timestamp, rented);
            rented[length++] = (byte)'.';
            length += Encoding.ASCII.GetBytes(headers.Nonce, rented.AsSpan(length));
            rented[length++] = (byte)'.';
            body.CopyTo(rented.AsSpan(length));
            return FitsKey(rented.AsSpan(0, length + body.Length), given);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private bool FitsKey(ReadOnlySpan<byte> signed, ReadOnlySpan<byte> given)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var fits = false;
        foreach (var key in _keys)
        {
            HMACSHA256.HashData(key, signed, expected);
            fits |= CryptographicOperations.FixedTimeEquals(expected, given);
        }

        return fits;
    }
}
