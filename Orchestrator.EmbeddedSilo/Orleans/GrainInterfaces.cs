namespace Orleans.Runtime
{
    /// <summary>Anything that calls can be addressed to.</summary>
    public interface IAddressable;
}

namespace Orleans
{
    /// <summary>Marks an interface as a grain interface. Derive from <see cref="IGrainWithStringKey"/>.</summary>
    public interface IGrain : Runtime.IAddressable;

    /// <summary>A grain interface whose grains are named by a string key.</summary>
    public interface IGrainWithStringKey : IGrain;
}
