import { startBareServer } from "./bare-server.ts";
import { startReceiveServer } from "./receive-server.ts";

/** Forked by the benchmark: `server-process.ts bare|receive DIR`. Tells its ports, and at each message what it has used so far. */
const [kind, dir] = process.argv.slice(2);
const ports = kind === "bare" ? await startBareServer() : await startReceiveServer(dir ?? "");
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system, peakBytes: process.resourceUsage().maxRSS * 1024 });
});
process.send?.(ports);
