await import("./openinference.mjs");
