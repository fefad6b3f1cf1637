import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type TlsSettings, tlsSettings } from "@runledger/contract";
import { SettingsError } from "./settings-error.ts";

interface TlsPaths {
  RUNLEDGER_TLS_CERT?: string | undefined;
  RUNLEDGER_TLS_KEY?: string | undefined;
  RUNLEDGER_TLS_CLIENT_CA?: string | undefined;
}

/** What the settings say of TLS, read from their files; null: nothing. @throws SettingsError that names what doesn't fit together. */
export function readTls(paths: TlsPaths): TlsSettings | null {
  const { RUNLEDGER_TLS_CERT: cert, RUNLEDGER_TLS_KEY: key, RUNLEDGER_TLS_CLIENT_CA: clientCa } = paths;
  if (cert === undefined && key === undefined && clientCa === undefined) return null;
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? "RUNLEDGER_TLS_CERT" : "RUNLEDGER_TLS_KEY";
    throw new SettingsError([`${missing}: TLS takes a certificate and its key; set both`]);
  }
  const files = {
    cert: readPem("RUNLEDGER_TLS_CERT", cert),
    key: readPem("RUNLEDGER_TLS_KEY", key),
    clientCa: clientCa === undefined ? null : readPem("RUNLEDGER_TLS_CLIENT_CA", clientCa),
  };
  const parsed = tlsSettings.safeParse(files);
  if (!parsed.success) {
    throw new SettingsError(parsed.error.issues.map(({ path, message }) => `TLS ${path.join(".")}: ${message}`));
  }
  checkPair(parsed.data);
  return parsed.data;
}

function readPem(name: string, path: string): string {
  try {
    return readFileSync(resolve(path), "utf8");
  } catch (error) {
    throw new SettingsError([`${name}: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/** Found at the start, not by the first client. */
function checkPair({ cert, key }: TlsSettings): void {
  let belongs: boolean;
  try {
    belongs = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new SettingsError([
      `TLS: certificate or key can't be read: ${error instanceof Error ? error.message : error}`,
    ]);
  }
  if (!belongs) throw new SettingsError(["RUNLEDGER_TLS_KEY: is not the key of RUNLEDGER_TLS_CERT"]);
}

const SOON_DAYS = 14;
const DAY_MS = 86_400_000;

/** What to say of the server's certificate at the start; null: nothing. It stops nobody, since clients that don't look go on sending. */
export function expiryWarning({ cert }: TlsSettings, nowMs: number): string | null {
  const { validTo } = new X509Certificate(cert);
  const daysLeft = (Date.parse(validTo) - nowMs) / DAY_MS;
  if (daysLeft > SOON_DAYS) return null;
  const when = daysLeft <= 0 ? `expired on ${validTo}: clients refuse it` : `expires on ${validTo}`;
  return `RUNLEDGER_TLS_CERT ${when}. Renew it and restart`;
}
