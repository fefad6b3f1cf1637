import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { SettingsError } from "./settings-error.ts";

/** What a command trusts and shows when it asks over TLS: our own names, then those of OpenTelemetry's OTLP exporters. */
const NAMES = {
  ca: ["RUNLEDGER_CA_CERT", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
  cert: ["RUNLEDGER_CLIENT_CERT", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"],
  key: ["RUNLEDGER_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
} as const;

/** From now on `fetch` trusts the CA that the environment names, besides those everybody does, and shows the client's certificate. @throws SettingsError. */
export async function useTrust(env: NodeJS.ProcessEnv): Promise<void> {
  const [ca, cert, key] = [NAMES.ca, NAMES.cert, NAMES.key].map((names) => readNamed(names, env));
  if (ca === undefined && cert === undefined && key === undefined) return;
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  const shown = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
  const { Agent, setGlobalDispatcher } = await import("undici");
  setGlobalDispatcher(new Agent({ connect: { ...trusted, ...shown } }));
}

function readNamed(names: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const name = names.find((candidate) => env[candidate]);
  if (name === undefined) return undefined;
  try {
    return readFileSync(env[name] ?? "", "utf8");
  } catch (error) {
    throw new SettingsError([`${name}: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
