using Orchestrator.EmbeddedSilo.CodeGeneration;

namespace Orchestrator.EmbeddedSilo.Calls;

/// <summary>A doubly linked list threaded through the calls themselves: adding and removing allocate nothing. A call is in one list at most.</summary>
internal struct GrainCallList
{
    private GrainCall? _last;

    public GrainCall? First { get; private set; }

    public int Count { get; private set; }

    public void AddLast(GrainCall call)
    {
        call.Previous = _last;
        call.Next = null;
        if (_last is null) First = call;
        else _last.Next = call;
        _last = call;
        Count++;
    }

    public void Remove(GrainCall call)
    {
        if (call.Previous is null) First = call.Next;
        else call.Previous.Next = call.Next;
        if (call.Next is null) _last = call.Previous;
        else call.Next.Previous = call.Previous;
        call.Next = call.Previous = null;
        Count--;
    }
}
