import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import type { Config } from "./config.ts";
import type { Failures } from "./failures.ts";

/** Whom connections over TLS trust, and what they show, as PEM texts; nothing: as everybody does. */
export interface Trust {
  /** All CAs that are trusted. */
  ca?: string[];
  cert?: string;
  key?: string;
}

/** Reads the files that the settings name. One that can't be read is told, and the agent runs on: what it records waits, since nothing is trusted. */
export function readTrust({ caCert, clientCert, clientKey }: Config, failures: Failures): Trust {
  const read = (path: string | undefined): string | undefined => {
    try {
      return path === undefined ? undefined : readFileSync(path, "utf8");
    } catch (error) {
      failures.report("delivery", error);
      return undefined;
    }
  };
  const [ca, cert, key] = [read(caCert), read(clientCert), read(clientKey)];
  return {
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
