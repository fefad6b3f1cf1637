import { createHash, generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import {
  COSIGNATURE_V1,
  canonicalJson,
  createCosigner,
  formatVerifierKey,
  leafHash,
  type NoteSigner,
} from "@runledger/contract";
import { loadOrCreateSigningKey } from "@runledger/storage";
import { change, fileOf, linesOf, readTar, type TarFiles, withFacts, withSums, writeTar } from "./bundle-tar.ts";
import { logOf, TRUTH } from "./operator-log.ts";
import { createTwoLogs, partOfRun } from "./two-logs.ts";

const ENTRIES = "entries/000000000000000.jsonl";

/** What cases are made of: bundles, and the keys of everybody who signs. */
export interface AgreeSample {
  /** Of a whole log with an erasure, of some of its runs, of a time. */
  bundles: { whole: TarFiles; runs: TarFiles; range: TarFiles };
  /** Of two logs, with their directory. */
  two: TarFiles;
  twoPolicy: string;
  directorySigner: NoteSigner;
  logKey: string;
  signer: NoteSigner;
  witnesses: { signer: NoteSigner; key: string }[];
  checkpoints: Buffer[];
  remove(): Promise<void>;
}

export async function createAgreeSample(): Promise<AgreeSample> {
  const log = await logOf(TRUTH.slice(0, 1));
  const early = await log.checkpoint();
  for (const frame of TRUTH.slice(1)) await log.write(frame);
  const runs = await log.export({ agent: "payments" });
  await log.erase("u2", TRUTH.length + 1);
  const whole = await log.export({}, { since_checkpoint: 5 });
  const range = await log.export({ since: "2026-01-01T00:00:05Z", until: "2026-01-01T00:00:22Z" });
  const { key } = log.store;
  const both = await twoLogs();
  return {
    bundles: { whole: readTar(whole), runs: readTar(runs), range: readTar(range) },
    ...both,
    logKey: key.verifierKey,
    signer: key.signer,
    witnesses: ["w1.example/w", "w2.example/é", "w3.example/\ufeffw"].map(witnessOf),
    checkpoints: [early, await log.checkpoint()],
    remove: log.remove,
  };
}

async function twoLogs(): Promise<Pick<AgreeSample, "two" | "twoPolicy" | "directorySigner">> {
  const logs = await createTwoLogs();
  const run = { run: "r", user: "u", second: 0 };
  await logs.write("a", partOfRun(1, run, { from: 0, to: 3, ends: false }));
  await logs.write("b", partOfRun(1, run, { from: 3, to: 5, ends: true }));
  await logs.record("2026-01-01T00:01:00Z");
  const two = readTar(await logs.export());
  const { a, b, directory } = logs.keys;
  const { signer } = await loadOrCreateSigningKey(
    join(logs.directory, "directory.key"),
    "runledger.local/two/directory",
  );
  await logs.remove();
  return { two, directorySigner: signer, twoPolicy: `log ${a}\nlog ${b}\nlog ${directory}\nquorum none\n` };
}

function witnessOf(name: string): { signer: NoteSigner; key: string } {
  const { privateKey } = generateKeyPairSync("ed25519");
  return {
    signer: createCosigner(name, privateKey, () => 1_767_225_700),
    key: formatVerifierKey(name, privateKey, COSIGNATURE_V1),
  };
}

/** The whole log with other entries, signed by its key as who holds it can: tiles, checkpoint, facts and sums fit. */
export function signedAnew(
  { bundles: { whole } }: AgreeSample,
  entries: readonly Buffer[],
  sign: (text: string) => Buffer,
): Buffer {
  const leaves = entries.map((entry) => Buffer.from(leafHash(entry)));
  const [origin = ""] = fileOf(whole, "checkpoint").toString().split("\n");
  const lines = entries.map((entry, i) => Buffer.concat([Buffer.from(`[${i},`), entry, Buffer.from("]\n")]));
  const tile = `tile/0/000.p/${entries.length}`;
  const kept = whole.filter(([path]) => !/^(proofs|tile\/entries)\//.test(path));
  const files = change(
    kept.map(([path, bytes]) => [path.replace(/^tile\/0\/000\.p\/\d+$/, tile), bytes] as const),
    {
      [ENTRIES]: () => Buffer.concat(lines),
      [tile]: () => Buffer.concat(leaves),
      "bundle.json": (bytes) => ofSize(bytes, entries.length),
      checkpoint: () => sign(`${origin}\n${entries.length}\n${rootOf(leaves).toString("base64")}\n`),
    },
  );
  return writeTar(withFactsIfAny(files));
}

function ofSize(manifest: Buffer, size: number): Buffer {
  const told = JSON.parse(manifest.toString());
  told.log.tree_size = size;
  told.range = [0, size];
  return Buffer.from(`${canonicalJson(told)}\n`);
}

export function entriesOf({ bundles: { whole } }: AgreeSample): Buffer[] {
  return linesOf(fileOf(whole, ENTRIES)).map((line) => Buffer.from(line.slice(line.indexOf(",") + 1, -1)));
}

/** Of what is no record facts can't be made; then they stay as they were. */
function withFactsIfAny(files: TarFiles): TarFiles {
  try {
    return withFacts(files);
  } catch {
    return withSums(files);
  }
}

/** RFC 6962, 2.1. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return createHash("sha256").digest();
  if (leaves.length === 1) return only;
  const half = splitOf(leaves.length);
  return nodeOf(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** PATH of RFC 6962, 2.1.1. */
export function pathTo(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length <= 1) return [];
  const half = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half ? [...pathTo(index, left), rootOf(right)] : [...pathTo(index - half, right), rootOf(left)];
}

function splitOf(count: number): number {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

function nodeOf(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}
