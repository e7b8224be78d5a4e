using System.Text;
using System.Text.Json.Nodes;
using Orchestrator.Silo.Callbacks;

namespace Orchestrator.Silo.Tests.Callbacks;

/// <summary>Signatures against those of an existing dispatcher and of the Standard Webhooks specification.</summary>
public sealed class CallbackSignaturesTests
{
    [Fact]
    public void Request_signatures_are_those_of_the_receiver()
    {
        var callbacks = JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Callbacks", "golden-callbacks.json")))!.AsArray();
        Assert.Equal(9, callbacks.Count);
        foreach (var callback in callbacks)
        {
            var body = Encoding.UTF8.GetBytes((string)callback!["rawBody"]!);
            Assert.Equal((string)callback["signature"]!, CallbackSignatures.Request((string)callback["secret"]!, (string)callback["timestamp"]!, body));
        }
    }

    /// <summary>The example of the specification's libraries.</summary>
    [Fact]
    public void A_prefixed_secret_is_a_key_in_base64() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        CallbackSignatures.Standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}"u8));

    [Theory]
    [InlineData("whsec-test")]
    [InlineData("whsec_not base64!")]
    [InlineData("whsec_")]
    [InlineData("ö")]
    public void Any_other_secret_is_its_own_key(string secret)
    {
        var expected = System.Security.Cryptography.HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), "id.1.{}"u8);
        Assert.Equal($"v1,{Convert.ToBase64String(expected)}", CallbackSignatures.Standard(secret, "id", "1", "{}"u8));
    }
}
