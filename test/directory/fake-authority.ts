import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Element, writeElements } from "./stamp-parts.ts";

export const openssl = (dir: string, ...args: string[]): Buffer =>
  execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });

/** A time stamping authority of openssl's. */
export interface Authority {
  /** PEM files. */
  cert: string;
  key: string;
  /** Its TimeStampResp to a TimeStampReq, with other settings of its own, if any (`man openssl-ts`). */
  reply(query: Uint8Array, settings?: Record<string, string>): Buffer;
}

/** `newKey`: options of `openssl req` that make a key; or a key of before. */
export function createAuthority(dir: string, name: string, newKey: string[], digest = "sha256"): Authority {
  const [cert, key, serial] = ["pem", "key", "serial"].map((ending) => join(dir, `${name}.${ending}`)) as [
    string,
    string,
    string,
  ];
  const subject = ["-subj", `/CN=${name}`, "-days", "3650", "-addext", "extendedKeyUsage=critical,timeStamping"];
  openssl(dir, "req", "-x509", "-nodes", ...newKey, "-keyout", key, "-out", cert, ...subject);
  const usual = {
    ...{ serial, signer_cert: cert, signer_key: key, signer_digest: digest, default_policy: "1.2.3.4.1" },
    ...{ digests: "sha256", accuracy: "secs:1", ordering: "no", ess_cert_id_chain: "no" },
    clock_precision_digits: "6",
  };
  return {
    cert,
    key,
    reply: (query, settings = {}) => {
      const lines = Object.entries({ ...usual, ...settings }).map(([setting, value]) => `${setting}=${value}\n`);
      writeFileSync(join(dir, `${name}.cnf`), `[t]\n${lines.join("")}`);
      writeFileSync(join(dir, `${name}.tsq`), query);
      openssl(
        dir,
        ...["ts", "-reply", "-config", `${name}.cnf`, "-section", "t"],
        ...["-queryfile", `${name}.tsq`, "-out", `${name}.tsr`],
      );
      return readFileSync(join(dir, `${name}.tsr`));
    },
  };
}

/** It answers on loopback. */
export async function startAuthority(
  dir: string,
  name: string,
  newKey: string[],
  digest?: string,
): Promise<Authority & { url: string; server: Server }> {
  const authority = createAuthority(dir, name, newKey, digest);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const reply = authority.reply(Buffer.concat(chunks));
      response.writeHead(200, { "content-type": "application/timestamp-reply" }).end(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { ...authority, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

/** OBJECT IDENTIFIERs. */
const DIGESTS = {
  sha1: "2b0e03021a",
  sha224: "608648016503040204",
  sha256: "608648016503040201",
  sha384: "608648016503040202",
  sha512: "608648016503040203",
};

/** TimeStampReq (RFC 3161, 2.4.1); `certificate`: to be sent along. */
export function stampQuery(
  stamped: Uint8Array,
  asked: { digest?: keyof typeof DIGESTS; nonce?: Buffer; certificate?: boolean } = {},
): Buffer {
  const { digest = "sha256", nonce = Buffer.of(1), certificate = false } = asked;
  const leaf = (tag: number, content: Buffer): Element => ({ tag, inside: null, content });
  const sequence = (...inside: Element[]): Element => ({ tag: 0x30, inside, content: Buffer.alloc(0) });
  const algorithm = sequence(leaf(0x06, Buffer.from(DIGESTS[digest], "hex")));
  const imprint = sequence(algorithm, leaf(0x04, createHash(digest).update(stamped).digest()));
  const wanted = certificate ? [leaf(0x01, Buffer.of(0xff))] : [];
  return writeElements([sequence(leaf(0x02, Buffer.of(1)), imprint, leaf(0x02, nonce), ...wanted)]);
}
