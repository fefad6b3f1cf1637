import { existsSync } from "node:fs";
import { isIPv6 } from "node:net";
import { createStderrLogger } from "@runledger/collector";
import pc from "picocolors";
import type { StandaloneSettings } from "../config.ts";
import type { Console } from "../program.ts";
import { type Standalone, startStandalone } from "../standalone.ts";
import { expiryWarning } from "../tls-files.ts";

/** A stop that takes longer is given up: what is on disk is safe, and the next start goes on from there. */
const STOP_TIMEOUT_MS = 30_000;

/** `runledger up`: runs until SIGTERM or SIGINT. One JSON line `ready` on stdout, words for people on stderr. */
export async function startUp(
  settings: Readonly<StandaloneSettings>,
  flags: { demo: boolean },
  console: Console,
): Promise<void> {
  const logger = createStderrLogger(settings.logLevel);
  const say = (text: string) => void console.stderr.write(`${text}\n`);
  const startedAt = performance.now();
  say(
    pc.bold("Runledger") +
      pc.dim(existsSync(settings.dataDir) ? ` on ${settings.dataDir}` : ` makes ${settings.dataDir}`),
  );

  const warning = settings.tls && expiryWarning(settings.tls, Date.now());
  if (warning !== null) logger.warn(warning);
  const started = startStandalone(settings, {
    logger,
    onProgress: (what) => say(pc.dim(`  ${what} …`)),
    onFatal: (error) => {
      logger.fatal({ err: error }, "can't go on; what was acknowledged is on disk, start again");
      console.exit(1);
    },
  });
  const stopping = stopOnSignal(started, console, say);
  const standalone = await started;
  if (stopping.aborted) return;
  say(addresses(settings, standalone, (performance.now() - startedAt) / 1_000));
  console.stdout.write(
    `${JSON.stringify({ msg: "ready", grpc: standalone.grpcPort, http: standalone.httpPort, api: standalone.apiPort })}\n`,
  );

  if (flags.demo) {
    say(pc.bold("Demo agents"));
    const [{ demoAccess }, { runDemo }] = await Promise.all([
      import("../demo/demo-access.ts"),
      import("../demo/run-demo.ts"),
    ]);
    const access = demoAccess(settings, standalone);
    await runDemo({ ...access, rounds: 1, log: (line) => say(`  ${line}`) });
    say(pc.dim(`  look at them: ${access.controlUrl}`));
  }
}

function addresses(settings: StandaloneSettings, standalone: Standalone, seconds: number): string {
  const scheme = settings.tls === null ? "http" : "https";
  const host = isIPv6(settings.host) ? `[${settings.host}]` : settings.host;
  const at = (port: number) => pc.cyan(`${scheme}://${host}:${port}`);
  const lines = [
    ["pages, query API", `${at(standalone.apiPort)}   reference: ${at(standalone.apiPort)}/docs`],
    ["OTLP/gRPC", at(standalone.grpcPort)],
    ["OTLP/HTTP", `${at(standalone.httpPort)}/v1/traces`],
    ["audit log", settings.objects],
    ["contents", contentsOf(settings)],
    ["its verifier key", standalone.verifierKey],
  ];
  const table = lines.map(([name, value]) => `  ${pc.dim((name ?? "").padEnd(18))}${value}`).join("\n");
  return `${pc.green("ready")} in ${seconds.toFixed(1)} s\n${table}`;
}

function contentsOf({ encryption, masterKey }: StandaloneSettings): string {
  if (!encryption) return "stored in the clear (RUNLEDGER_ENCRYPTION=off)";
  if ("module" in masterKey) return `sealed under the master key of ${masterKey.module}`;
  return "file" in masterKey ? `sealed; back up ${masterKey.file}` : "sealed under RUNLEDGER_MASTER_KEY";
}

/** From before it is ready: what is being started is stopped when it stands. @returns aborted once a signal came. */
function stopOnSignal(started: Promise<Standalone>, console: Console, say: (text: string) => void): AbortSignal {
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) console.exit(1); // asked twice: at once
    stopping.abort();
    say("stopping: taking no more, writing what is there …");
    setTimeout(() => console.exit(1), STOP_TIMEOUT_MS).unref();
    const stopped = started.then((standalone) => standalone.stop());
    stopped.then(
      () => console.exit(0),
      (error: unknown) => {
        say(`stopping failed: ${error instanceof Error ? error.message : String(error)}`);
        console.exit(1);
      },
    );
  };
  console.on("SIGTERM", stop);
  console.on("SIGINT", stop);
  return stopping.signal;
}
