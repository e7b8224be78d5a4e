using Orchestrator.Silo.Hosting;

var builder = WebApplication.CreateSlimBuilder(args);
builder.AddSilo();
var app = builder.Build();
await app.RunAsync();
