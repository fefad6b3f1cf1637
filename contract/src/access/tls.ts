import { z } from "zod";

const pem = (what: string) => z.string().regex(/-----BEGIN [A-Z ]+-----/, `is no PEM file of ${what}`);

/** Who listens with TLS, as PEM texts. */
export const tlsSettings = z.strictObject({
  /** The server's certificate, and those between it and its CA. */
  cert: pem("certificates"),
  key: pem("a key"),
  /** Whoever connects must show a certificate of this CA (mTLS), besides a key; null: nobody need. */
  clientCa: pem("certificates").nullable(),
});
export type TlsSettings = z.infer<typeof tlsSettings>;

/** The options that node:tls takes. */
export function tlsServerOptions({ cert, key, clientCa }: TlsSettings) {
  const client = clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return { cert, key, ...client };
}
