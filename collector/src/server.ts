import { type CollectorOptions, collectorSettings } from "./config.ts";
import { startStage } from "./stage/stage.ts";

export interface Collector {
  grpcPort: number;
  httpPort: number;
  /** OTLP/HTTP on loopback for Runledger itself, with `ownKey` as bearer. */
  ownPort: number;
  /** Prometheus text of both stages. */
  metrics(): Promise<string>;
  /** What keeps it from getting on; [] when all is well. */
  troubles(): Promise<string[]>;
  /** What an operator should mend though all goes on: the directory of the shards, witnesses, time stamps. */
  warnings(): Promise<string[]>;
  /** Takes no more, answers what is under way, integrates what is journalled, ends. */
  stop(): Promise<void>;
}

const RECEIVE_STOP_MS = 15_000;
const INTEGRATE_STOP_MS = 20_000;

/**
 * Starts both stages, each in a thread of its own; they meet only in the journal. @throws when one can't start.
 * `onFatal` is told once of what a stage can't survive: the process should end, the next start goes on where this one ended.
 */
export async function startCollector(
  options: CollectorOptions,
  dependencies: { onFatal: (error: Error) => void },
): Promise<Collector> {
  const settings = collectorSettings.parse(options);
  const receive = await startStage<Pick<Collector, "grpcPort" | "httpPort" | "ownPort">>(
    new URL("./receive/receive-stage.ts", import.meta.url),
    settings,
    dependencies.onFatal,
  );
  try {
    const integrate = await startStage(
      new URL("./integrate/integrate-stage.ts", import.meta.url),
      settings,
      dependencies.onFatal,
    );
    return {
      ...receive.ready,
      metrics: async () => `${await receive.metrics()}\n${await integrate.metrics()}`,
      warnings: () => integrate.warnings(),
      troubles: async () => [...(await receive.troubles()), ...(await integrate.troubles())],
      async stop() {
        await receive.stop(RECEIVE_STOP_MS);
        await integrate.stop(INTEGRATE_STOP_MS);
      },
    };
  } catch (error) {
    await receive.stop(RECEIVE_STOP_MS);
    throw error;
  }
}
