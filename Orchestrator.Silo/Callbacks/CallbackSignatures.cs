using System.Security.Cryptography;
using System.Text;

namespace Orchestrator.Silo.Callbacks;

/// <summary>The two signatures of a callback, over the same bytes and the same time.</summary>
internal static class CallbackSignatures
{
    private const string StandardPrefix = "whsec_";

    /// <summary>For <c>X-Request-Signature</c>: lower-case hex of HMAC-SHA256(UTF-8 of the secret, <c>{timestamp}.{body}</c>).</summary>
    /// <param name="secret">The task's webhook secret, whatever it looks like.</param>
    /// <param name="timestamp">Unix seconds.</param>
    /// <param name="body">The raw body.</param>
    public static string Request(string secret, string timestamp, ReadOnlySpan<byte> body) =>
        Convert.ToHexStringLower(Sign(Encoding.UTF8.GetBytes(secret), $"{timestamp}.", body));

    /// <summary>For <c>webhook-signature</c> (Standard Webhooks 1.0): <c>v1,</c> and base64 of HMAC-SHA256(key, <c>{id}.{timestamp}.{body}</c>).</summary>
    /// <param name="secret">With the prefix <c>whsec_</c> its rest is the key in base64; otherwise, and when that rest is no base64 or empty, its UTF-8 bytes are.</param>
    /// <param name="id">The <c>webhook-id</c>: the same at every try.</param>
    /// <param name="timestamp">Unix seconds.</param>
    /// <param name="body">The raw body.</param>
    public static string Standard(string secret, string id, string timestamp, ReadOnlySpan<byte> body) =>
        $"v1,{Convert.ToBase64String(Sign(StandardKey(secret), $"{id}.{timestamp}.", body))}";

    private static byte[] StandardKey(string secret)
    {
        if (!secret.StartsWith(StandardPrefix, StringComparison.Ordinal)) return Encoding.UTF8.GetBytes(secret);
        var key = new byte[secret.Length];
        return Convert.TryFromBase64String(secret[StandardPrefix.Length..], key, out var length) && length > 0 ? key[..length] : Encoding.UTF8.GetBytes(secret);
    }

    private static byte[] Sign(byte[] key, string prefix, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hmac.AppendData(Encoding.UTF8.GetBytes(prefix));
        hmac.AppendData(body);
        return hmac.GetHashAndReset();
    }
}
