using System.Text;

namespace Orchestrator.SessionHost;

/// <summary>
/// Reads JSON (RFC 8259) from front to back, for the service's own small files. System.Text.Json does more and is not used on the way to the agent: its tables are built anew
/// in each process, which took a quarter of all the time from the start of a host to its agent.
/// </summary>
/// <remarks>Numbers are whole ones that fit into 64 bits. What is not as it is asked for is a <see cref="FormatException"/> that says where.</remarks>
internal ref struct JsonCursor(ReadOnlySpan<byte> json)
{
    private const int DepthMax = 64;
    private readonly ReadOnlySpan<byte> _json = json;
    private int _at;
    private bool _isFirst;

    /// <summary>Whether the next value is <c>null</c>, which is then read.</summary>
    internal bool IsNull()
    {
        if (Peek() != 'n') return false;
        Literal("null"u8);
        return true;
    }

    internal void BeginObject() => Begin('{');

    internal void BeginArray() => Begin('[');

    /// <summary>Reads the name of the object's next member; its value is to be read then. False at the object's end.</summary>
    internal bool NextMember(out string name)
    {
        name = "";
        if (!Next('}')) return false;
        name = String();
        Expect(':');
        return true;
    }

    /// <summary>Whether the array has another element, which is to be read then.</summary>
    internal bool NextElement() => Next(']');

    internal string String()
    {
        Expect('"');
        var start = _at;
        while (Current() is not ('"' or '\\')) Advance();
        if (Current() == '"') return Encoding.UTF8.GetString(_json[start.._at++]);
        var text = new StringBuilder();
        while (true)
        {
            text.Append(Encoding.UTF8.GetString(_json[start.._at]));
            if (Current() == '"')
            {
                _at++;
                return text.ToString();
            }

            _at++;
            text.Append(Escaped());
            start = _at;
            while (Current() is not ('"' or '\\')) Advance();
        }
    }

    internal long Number()
    {
        var isNegative = Peek() == '-';
        if (isNegative) _at++;
        var start = _at;
        long value = 0;
        for (; _at < _json.Length && _json[_at] is >= (byte)'0' and <= (byte)'9'; _at++)
        {
            var digit = _json[_at] - '0';
            if (value < (long.MinValue + digit) / 10) throw Failure("a number of 64 bits");
            // Negative, because there is one more of these.
            value = (value * 10) - digit;
        }

        var isWhole = _at > start && (_json[start] != '0' || _at == start + 1) && (_at == _json.Length || _json[_at] is not ((byte)'.' or (byte)'e' or (byte)'E'));
        if (!isWhole) throw Failure("a whole number");
        if (value == long.MinValue && !isNegative) throw Failure("a number of 64 bits");
        return isNegative ? value : -value;
    }

    /// <summary>Reads past any value.</summary>
    internal void Skip() => Skip(DepthMax);

    /// <summary>Nothing may come after the value.</summary>
    internal void End()
    {
        if (Peek() != '\0' || _at < _json.Length) throw Failure("the end");
    }

    private void Skip(int depth)
    {
        if (depth == 0) throw Failure("less depth");
        switch (Peek())
        {
            case '"': _ = String(); break;
            case 't': Literal("true"u8); break;
            case 'f': Literal("false"u8); break;
            case 'n': Literal("null"u8); break;
            case '{':
                BeginObject();
                while (NextMember(out _)) Skip(depth - 1);
                break;
            case '[':
                BeginArray();
                while (NextElement()) Skip(depth - 1);
                break;
            default: SkipNumber(); break;
        }
    }

    private void SkipNumber()
    {
        if (Peek() == '-') _at++;
        if (Digits() is var whole && (whole == 0 || (whole > 1 && _json[_at - whole] == '0'))) throw Failure("a value");
        if (At('.'))
        {
            _at++;
            if (Digits() == 0) throw Failure("a digit");
        }

        if (!At('e') && !At('E')) return;
        _at++;
        if (At('+') || At('-')) _at++;
        if (Digits() == 0) throw Failure("a digit");
    }

    private int Digits()
    {
        var start = _at;
        while (_at < _json.Length && _json[_at] is >= (byte)'0' and <= (byte)'9') _at++;
        return _at - start;
    }

    private void Begin(char bracket)
    {
        Expect(bracket);
        _isFirst = true;
    }

    private bool Next(char end)
    {
        var isFirst = _isFirst;
        _isFirst = false;
        if (Peek() == end)
        {
            _at++;
            return false;
        }

        if (!isFirst) Expect(',');
        return true;
    }

    private char Escaped()
    {
        var letter = Current();
        _at++;
        return letter switch
        {
            '"' or '\\' or '/' => letter,
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => (char)((Hex() << 12) | (Hex() << 8) | (Hex() << 4) | Hex()),
            _ => throw Failure("an escape"),
        };
    }

    private int Hex()
    {
        var digit = Current();
        _at++;
        return digit switch
        {
            >= '0' and <= '9' => digit - '0',
            >= 'a' and <= 'f' => digit - 'a' + 10,
            >= 'A' and <= 'F' => digit - 'A' + 10,
            _ => throw Failure("a hexadecimal digit"),
        };
    }

    private void Literal(ReadOnlySpan<byte> word)
    {
        foreach (var letter in word)
        {
            if (!At((char)letter)) throw Failure("true, false or null");
            _at++;
        }
    }

    /// <summary>Within a string, where control characters may not be.</summary>
    private readonly char Current() => _at < _json.Length && _json[_at] >= ' ' ? (char)_json[_at] : throw Failure("the rest of a string");

    private void Advance() => _at++;

    private readonly bool At(char value) => _at < _json.Length && _json[_at] == value;

    /// <summary>The next character that is no white space; U+0000 at the end.</summary>
    private char Peek()
    {
        while (_at < _json.Length && _json[_at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') _at++;
        return _at < _json.Length ? (char)_json[_at] : '\0';
    }

    private void Expect(char value)
    {
        if (Peek() != value) throw Failure($"'{value}'");
        _at++;
    }

    private readonly FormatException Failure(string wanted) => new($"At byte {_at} is not {wanted}.");
}
