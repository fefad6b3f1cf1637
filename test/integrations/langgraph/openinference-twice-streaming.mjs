process.env.STREAMING = "1";
await import("./openinference-twice.mjs");
