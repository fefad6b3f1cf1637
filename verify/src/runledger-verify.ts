import { readFile } from "node:fs/promises";
import tls from "node:tls";
import { parseArgs } from "node:util";
import { VERDICT_EXIT_CODES } from "@runledger/contract";
import { runVerify } from "./command.ts";
import { visibleText } from "./visible-text.ts";

const HELP = `Usage: runledger-verify TARGET [--policy FILE] [--key VKEY]… [--since-checkpoint FILE]… [--tsa-cert FILE] [--shard NAME] [--ca FILE] [--patience SECONDS] [--json]

Says of a Runledger bundle or log whether it is genuine, complete and unaltered. Works offline, writes nothing.

  TARGET                    a bundle (tar or unpacked), a data directory, or the URL of either a bundle or a query API
  --policy FILE             C2SP tlog-policy with the log keys you trust, given to you in person
  --key VKEY                a verifier key you trust, or a file with one; may be repeated
  --since-checkpoint FILE   an earlier checkpoint that the log of its name must extend; may be repeated
  --tsa-cert FILE           certificate of the time stamping authority (RFC 3161) that you trust
  --shard NAME              only this log of a store with several; a bundle of it alone
  --ca FILE                 PEM of a CA that is trusted for https URLs besides the usual ones (RUNLEDGER_CA_CERT)
  --patience SECONDS        how long a server may take for 64 KiB, or for the rest of its answer (60)
  --json                    the verdict as JSON

Exit code: 0 VERIFIED, 1 TAMPERED, 2 INCOMPLETE, 3 UNTRUSTED, 4 unreadable.
RUNLEDGER_API_KEY is sent to URLs.
`;

/** Of connections, not of what is verified: whoever answers is believed in nothing. @throws Error. */
async function trustCa(file: string | undefined): Promise<void> {
  if (file === undefined || file === "") return;
  const pem = await readFile(file, "utf8");
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new Error(`${file}: a certificate in PEM is expected`);
  if (tls.setDefaultCACertificates === undefined)
    throw new Error(
      `Node.js ${process.versions.node} can't be told of a CA by a program: set NODE_EXTRA_CA_CERTS=${file} instead, or use Node.js 24`,
    );
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), pem]);
}

/** The program of the package. Resolves with its exit code. */
export async function main(args: string[], program: NodeJS.Process): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        policy: { type: "string" },
        key: { type: "string", multiple: true, default: [] },
        "since-checkpoint": { type: "string", multiple: true, default: [] },
        shard: { type: "string" },
        "tsa-cert": { type: "string" },
        ca: { type: "string" },
        patience: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    const [target, ...more] = positionals;
    if (values.help === true || target === undefined || more.length > 0) {
      (values.help === true ? program.stdout : program.stderr).write(HELP);
      return values.help === true ? 0 : VERDICT_EXIT_CODES.UNREADABLE;
    }
    const { policy, key, shard, patience, json, "since-checkpoint": sinceCheckpoint, "tsa-cert": tsaCert } = values;
    await trustCa(values.ca ?? program.env["RUNLEDGER_CA_CERT"]);
    const flags = { key, json: json === true };
    const apiKey = program.env["RUNLEDGER_API_KEY"];
    return await runVerify(
      target,
      {
        ...flags,
        ...(policy === undefined ? {} : { policy }),
        ...(shard === undefined ? {} : { shard }),
        ...(tsaCert === undefined ? {} : { tsaCert }),
        ...(patience === undefined ? {} : { patience }),
        sinceCheckpoint,
      },
      {
        stdout: program.stdout,
        stderr: program.stderr,
        ...(apiKey ? { headers: { authorization: `Bearer ${apiKey}` } } : {}),
      },
    );
  } catch (error) {
    program.stderr.write(`${visibleText(error instanceof Error ? error.message : String(error))}\n`);
    return VERDICT_EXIT_CODES.UNREADABLE; // 1 would say TAMPERED
  }
}
