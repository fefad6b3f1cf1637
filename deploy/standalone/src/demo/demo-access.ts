import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { StandaloneSettings } from "../config.ts";

/** How the demo's agents reach a Runledger: the settings that any agent needs. What is left out comes from the environment. */
export interface DemoAccess {
  /** OTLP/gRPC. */
  endpoint: string;
  /** The query API, which can stop them. */
  controlUrl?: string;
  apiKey?: string;
  /** A file (PEM). */
  caCert?: string;
}

/** Addresses that mean every interface, which nobody can connect to everywhere. */
const EVERY_INTERFACE: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** For agents beside the Runledger that these settings start: its scheme, a name that its certificate has, its own key. */
export function demoAccess(
  { host, apiKey, tls, tlsCertPath }: Pick<StandaloneSettings, "host" | "apiKey" | "tls" | "tlsCertPath">,
  ports: { grpcPort: number; apiPort: number },
): DemoAccess {
  const address = EVERY_INTERFACE[host] ?? host;
  const certificate = tls === null ? null : new X509Certificate(tls.cert);
  const scheme = certificate === null ? "http" : "https";
  const name = certificate === null ? address : certifiedName(certificate, address);
  const at = (port: number) => `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`;
  return {
    endpoint: at(ports.grpcPort),
    controlUrl: at(ports.apiPort),
    ...(apiKey === null ? {} : { apiKey }),
    // A certificate that signed itself is its own CA; of any other the CA is in RUNLEDGER_CA_CERT, or one that everybody trusts.
    ...(certificate?.checkIssued(certificate) && tlsCertPath !== null ? { caCert: tlsCertPath } : {}),
  };
}

function certifiedName(certificate: X509Certificate, address: string): string {
  const known = (name: string) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name));
  return [address, "localhost"].find((name) => known(name) !== undefined) ?? address;
}
