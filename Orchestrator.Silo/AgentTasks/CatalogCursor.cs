using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>Where a page of the catalog ends: opaque to callers.</summary>
/// <param name="CreatedAtTicks">Of the page's last row, UTC.</param>
/// <param name="TaskId">Of the page's last row.</param>
internal readonly record struct CatalogCursor(long CreatedAtTicks, string TaskId)
{
    private const int TextMax = 400;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse(string text, out CatalogCursor cursor)
    {
        cursor = default;
        if (text.Length > TextMax || !Base64Url.IsValid(text)) return false;
        var bytes = Base64Url.DecodeFromChars(text);
        if (bytes.Length <= sizeof(long)) return false;
        var taskId = Encoding.UTF8.GetString(bytes.AsSpan(sizeof(long)));
        cursor = new(BinaryPrimitives.ReadInt64BigEndian(bytes), taskId);
        return TaskRequestRules.IsTaskId(taskId);
    }

    public override string ToString()
    {
        var bytes = new byte[sizeof(long) + Encoding.UTF8.GetByteCount(TaskId)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, CreatedAtTicks);
        Encoding.UTF8.GetBytes(TaskId, bytes.AsSpan(sizeof(long)));
        return Base64Url.EncodeToString(bytes);
    }
}
