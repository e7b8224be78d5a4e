using System.Security.Cryptography;
using System.Text;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

public sealed class PromptTests
{
    public static TheoryData<string, string> Prompts
    {
        get
        {
            var hostile = "-p 'x' \"y\" `id` $(touch owned) ${HOME} \\ \\n \u001b[31m \u0001 \u007f é € 😀 \u2028 #{pane_id} %1 ~ * ;\n";
            var longest = new StringBuilder();
            while (Encoding.UTF8.GetByteCount(longest.ToString()) < 256 * 1024 - 200) longest.Append(string.Concat(Enumerable.Repeat(hostile, 500)));
            var whole = longest.ToString();
            while (Encoding.UTF8.GetByteCount(whole) > 256 * 1024) whole = whole[..^1];
            return new()
            {
                { "one byte", "a" }, { "a semicolon", ";" }, { "an option", "-" }, { "a line feed", "\n" }, { "hostile", hostile }, { "no end of line", hostile + "x;" }, { "the longest", whole },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Prompts))]
    public async Task A_prompt_arrives_byte_for_byte_as_text(string name, string prompt)
    {
        using var machine = new SessionMachine();
        await machine.StartAsync("sha256sum > sum", prompt);
        var end = await machine.WaitForEndAsync();
        Assert.True(end.ExitCode == 0, name);
        Assert.Equal(Sha256(prompt), machine.Made("sum").Split(' ')[0]);
        Assert.False(File.Exists(Path.Combine(machine.Worktree.Path, "owned")));
    }

    [Theory]
    [MemberData(nameof(Prompts))]
    public async Task A_prompt_arrives_byte_for_byte_as_stream_json(string name, string prompt)
    {
        const string Agent =
            """
            const lines = require('readline').createInterface({ input: process.stdin, crlfDelay: Infinity });
            lines.on('line', line => {
              const message = JSON.parse(line);
              if (message.type !== 'user' || message.message.role !== 'user') process.exit(9);
              require('fs').writeFileSync('sum', require('crypto').createHash('sha256').update(message.message.content).digest('hex'));
              console.log(JSON.stringify({ result: 'ok', type: 'result' }));
            });
            """;
        using var machine = new SessionMachine();
        File.WriteAllText(Path.Combine(machine.Worktree.Path, "agent.js"), Agent);
        await machine.StartAsync("exec node agent.js", prompt, SessionInput.StreamJson);
        var end = await machine.WaitForEndAsync();
        Assert.True(end.ExitCode == 0, name);
        Assert.Equal(Sha256(prompt), machine.Made("sum"));
    }

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
