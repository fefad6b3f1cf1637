import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDraw } from "../tamper/odd-json.ts";
import { startBothStampChecks } from "./both-stamp-checks.ts";
import { createAuthority, stampQuery } from "./fake-authority.ts";
import { mutantOf } from "./stamp-mutants.ts";

export interface StampsReport {
  asked: number;
  /** By both. */
  held: number;
  /** Made again with this seed alone. */
  disagreed: { seed: number; node: unknown; python: unknown; token: string }[];
}

const BATCH = 200;

/** Asks both verifiers of so many changed stamps, of RSA and ECDSA, each made of its seed and of stamps that are made anew. */
export async function searchStamps(seed: number, mutants: number): Promise<StampsReport> {
  const dir = mkdtempSync(join(tmpdir(), "runledger-stamps-"));
  const checks = startBothStampChecks();
  const report: StampsReport = { asked: 0, held: 0, disagreed: [] };
  const stamped = randomBytes(40);
  try {
    const bases = [RSA, ECDSA].flatMap((newKey, i) => {
      const authority = createAuthority(dir, `tsa${i}`, newKey);
      const key = createPrivateKey(readFileSync(authority.key));
      const settings = {
        certs: authority.cert,
        clock_precision_digits: "3",
        ess_cert_id_chain: "yes",
        tsa_name: "yes",
      };
      return [{}, settings, { ess_cert_id_alg: "sha1" }].map((each, j) => {
        const stamp = authority.reply(stampQuery(stamped, { certificate: j === 1 }), each);
        return { cert: authority.cert, key, stamp };
      });
    });
    for (let at = 0; at < mutants && report.disagreed.length === 0; at += BATCH) {
      const base = bases[(at / BATCH) % bases.length] as (typeof bases)[number];
      const seeds = Array.from({ length: Math.min(BATCH, mutants - at) }, (_, i) => seed + at + i);
      const tokens = seeds.map((each) => mutantOf(base.stamp, base.key, createDraw(each)));
      for (const [i, { node, python }] of (await checks.ask(base.cert, stamped, tokens)).entries()) {
        report.asked++;
        if (node !== python || node?.startsWith("FAILED"))
          report.disagreed.push({ seed: seed + at + i, node, python, token: tokens[i]?.toString("base64") ?? "" });
        else if (node !== null) report.held++;
      }
    }
  } finally {
    await checks.close();
    rmSync(dir, { recursive: true });
  }
  return report;
}

export const RSA = ["-newkey", "rsa:2048"];
export const ECDSA = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
