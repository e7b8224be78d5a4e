using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Calls;

/// <summary>The caller's side of a grain method that returns <see cref="IAsyncEnumerable{T}"/>: each enumeration calls the method anew.</summary>
internal sealed class GrainStream<T>(TypedGrainReference reference, GrainStreamSource<T> source) : IAsyncEnumerable<T>
{
    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default) => new Reader(reference, source, cancellationToken);

    /// <summary>Reads item by item: each is one interleaving call of the grain, made when the reader asks for it.</summary>
    private sealed class Reader(TypedGrainReference reference, GrainStreamSource<T> source, CancellationToken readerToken) : IAsyncEnumerator<T>
    {
        private readonly GrainStreamWriter<T> _writer = new(source);
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(source.CallerToken, readerToken);

        private GrainCall? _lastStep;

        public T Current { get; private set; } = default!;

        public async ValueTask<bool> MoveNextAsync()
        {
            var step = new GrainStreamWriter<T>.Step(_writer, _stop.Token);
            var answer = step.Answer;
            _lastStep = step;
            reference.Runtime.Send(reference, step);
            (var moved, Current) = await answer;
            return moved;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            _stop.Dispose();

            // A first step that was given up may just be starting where it was queued.
            if ((_writer.Owner ?? _lastStep?.Target) is not { } owner) return;
            var end = new GrainStreamWriter<T>.End(_writer);
            var answer = end.Answer;
            if (!owner.TryEnqueue(end)) return;
            try
            {
                await answer;
            }
            catch (EnumerationAbortedException)
            {
                // The grain's deactivation ended the enumeration before the reader did.
            }
        }
    }
}

/// <summary>The grain's side of one enumeration. Only turns of the grain touch it.</summary>
internal interface IGrainStreamWriter
{
    /// <summary>Ends the enumeration because its activation ends.</summary>
    Task AbortAsync();
}

/// <inheritdoc />
internal sealed class GrainStreamWriter<T>(GrainStreamSource<T> source) : IGrainStreamWriter
{
    private readonly CancellationTokenSource _stop = new();
    private IAsyncEnumerator<T>? _items;
    private Task<bool>? _moving;
    private GrainCall? _step;

    /// <summary>The activation that the enumeration runs in; null before the first item was asked for.</summary>
    public Activation? Owner { get; private set; }

    public async Task AbortAsync()
    {
        _step?.TryFail(Aborted());
        await EndAsync();
    }

    private EnumerationAbortedException Aborted() => new($"{source.Method} broke off: {Owner?.GrainId} was deactivated while it was read.");

    private async ValueTask<(bool Moved, T Item)> MoveNextAsync(object grain, GrainCall step, CancellationToken stop)
    {
        var here = Activation.Current!;
        Owner ??= here;
        if (Owner != here) throw Aborted();
        _step = step;
        using var registration = stop.UnsafeRegister(static self => ((CancellationTokenSource)self!).Cancel(), _stop);
        if (_items is null)
        {
            _items = source.InvokeOn(grain, _stop.Token).GetAsyncEnumerator(_stop.Token);
            here.AddStream(this);
        }

        _moving = _items.MoveNextAsync().AsTask();
        var moved = await _moving;
        return (moved, moved ? _items.Current : default!);
    }

    private async Task EndAsync()
    {
        Owner?.RemoveStream(this);
        if (_items is not { } items) return;
        _items = null;
        await _stop.CancelAsync();

        // An iterator must not be disposed of while it moves; how that move ends was told to its reader.
        if (_moving is not null) await ((Task)_moving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await items.DisposeAsync();
    }

    /// <summary>Asks for the next item. Waits for it as long as it takes.</summary>
    public sealed class Step : GrainCall<(bool Moved, T Item)>
    {
        private readonly GrainStreamWriter<T> _writer;
        private readonly CancellationToken _stop;

        public Step(GrainStreamWriter<T> writer, CancellationToken readerToken)
            : base(writer.Method)
        {
            _writer = writer;
            _stop = CancelWith(readerToken);
        }

        internal override bool AlwaysInterleaves => true;

        internal override bool DelaysDeactivation => false;

        internal override bool HasResponseTimeout => false;

        protected override ValueTask<(bool Moved, T Item)> InvokeAsync(object grain) => _writer.MoveNextAsync(grain, this, _stop);
    }

    /// <summary>Tells the grain that the reader has stopped.</summary>
    public sealed class End(GrainStreamWriter<T> writer) : GrainCall<Nothing>(writer.Method)
    {
        internal override bool AlwaysInterleaves => true;

        internal override bool IsLocal => true;

        internal override Exception? Loss() => writer.Aborted();

        protected override ValueTask<Nothing> InvokeAsync(object grain) => Nothing.From(writer.EndAsync());
    }

    private GrainMethod Method => source.Method;
}
