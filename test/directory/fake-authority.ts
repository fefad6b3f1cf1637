import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export const openssl = (dir: string, ...args: string[]): Buffer =>
  execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });

/** A time stamping authority of openssl's on loopback. */
export async function startAuthority(
  dir: string,
  name: string,
  key: string[],
  digest = "sha256",
): Promise<{ url: string; cert: string; server: Server }> {
  writeFileSync(
    join(dir, `${name}.cnf`),
    `[tsa]\ndefault_tsa=t\n[t]\nserial=${dir}/${name}.serial\nsigner_cert=${dir}/${name}.pem\nsigner_key=${dir}/${name}.key\nsigner_digest=${digest}\n` +
      "default_policy=1.2.3.4.1\ndigests=sha256\naccuracy=secs:1\nordering=no\ness_cert_id_chain=no\n",
  );
  const subject = ["-subj", `/CN=${name}`, "-days", "30", "-addext", "extendedKeyUsage=critical,timeStamping"];
  openssl(dir, "req", "-x509", "-nodes", ...key, "-keyout", `${name}.key`, "-out", `${name}.pem`, ...subject);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      writeFileSync(join(dir, "query"), Buffer.concat(chunks));
      openssl(dir, "ts", "-reply", "-config", `${name}.cnf`, "-section", "t", "-queryfile", "query", "-out", "reply");
      response.writeHead(200, { "content-type": "application/timestamp-reply" }).end(readFileSync(join(dir, "reply")));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, cert: join(dir, `${name}.pem`), server };
}
