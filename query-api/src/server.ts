import { createApp } from "./app.ts";
import type { QueryApiSettings } from "./config.ts";
import type { QueryApiDependencies } from "./dependencies.ts";

export interface QueryApiServer {
  /** The port it listens on. */
  port: number;
  /** Answers what is under way, ends live streams and the alert engine. The stores handed in stay open. */
  close(): Promise<void>;
}

/** Builds the app and listens. @throws when the port is taken. */
export async function startQueryApi(
  dependencies: QueryApiDependencies,
  settings: QueryApiSettings,
): Promise<QueryApiServer> {
  const app = await createApp(dependencies, settings);
  try {
    await app.listen({ host: settings.host, port: settings.port });
  } catch (error) {
    await app.close();
    throw error;
  }
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : settings.port;
  return { port, close: () => app.close() };
}
