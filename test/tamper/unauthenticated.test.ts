import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runVerify, visibleText } from "@runledger/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers } from "./both-verifiers.ts";
import { type BundleLog, createBundleLog, runFrame } from "./bundle-log.ts";
import { change, readTar, type TarFiles, withSums, writeTar } from "./bundle-tar.ts";

/** What no key or hash vouches for: texts that are shown, files for people, a proof's extra line. */
const PYTHON = fileURLToPath(new URL("../../verify/python/runledger_verify.py", import.meta.url));
let verifiers: BothVerifiers;
let log: BundleLog;
let files: TarFiles;

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  log = await createBundleLog();
  await log.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 2, second: 0 }));
  files = readTar(await log.export());
});
afterAll(async () => {
  await verifiers.close();
  await log.remove();
});

/** What both programs print, and their exit codes. */
async function printed(
  changed: TarFiles,
  ...more: "--json"[]
): Promise<{ node: string; python: string; codes: unknown[] }> {
  const path = join(log.store.directory, "printed.tar");
  await writeFile(path, writeTar(withSums(changed)));
  const key = log.store.key.verifierKey;
  let node = "";
  const write = (chunk: unknown): boolean => {
    node += String(chunk);
    return true;
  };
  const flags = { key: [key], json: more.length > 0 };
  const code = await runVerify(path, flags, { stdout: { write, isTTY: false }, stderr: { write, isTTY: false } });
  const { stdout, status } = spawnSync("python3", [PYTHON, path, "--key", key, ...more], { encoding: "utf8" });
  return { node, python: stdout, codes: [code, status] };
}

test("an unpacked bundle whose SHA256SUMS is larger than any, or that has folders too deep to look into, is unreadable to both", async () => {
  const directory = join(log.store.directory, "unpacked");
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
  const codes = async (): Promise<unknown[]> => {
    const stream = { write: () => true, isTTY: false };
    const key = log.store.key.verifierKey;
    const code = await runVerify(directory, { key: [key] }, { stdout: stream, stderr: stream });
    return [code, spawnSync("python3", [PYTHON, directory, "--key", key]).status];
  };
  expect(await codes()).toEqual([0, 0]);
  const name = "x".repeat(250);
  spawnSync("sh", ["-c", `for i in $(seq 20); do mkdir ${name} && cd ${name}; done; touch hidden`], { cwd: directory });
  expect(await codes()).toEqual([4, 4]);
  spawnSync("rm", ["-r", name], { cwd: directory });
  expect(await codes()).toEqual([0, 0]);
  await truncate(join(directory, "SHA256SUMS"), 65 * 1024 * 1024); // its end is a hole, which takes no room
  expect(await codes()).toEqual([4, 4]);
  await rm(directory, { recursive: true });
});

const manifest = (recipient: string): TarFiles =>
  change(files, {
    "bundle.json": (bytes) =>
      Buffer.from(bytes.toString().replace('"recipient":"the auditor"', `"recipient":${JSON.stringify(recipient)}`)),
  });

test.each([{ json: [] }, { json: ["--json"] as const }])(
  "no text of a bundle reaches the terminal as it is: $json",
  async ({ json }) => {
    const recipient = "x\u001b[1;1H\u001b[2JVERIFIED  fake\n  note         all fine\u009b31m\u202e\u007f";
    const verified = await printed(manifest(recipient), ...json);
    expect(verified.codes).toEqual([0, 0]);
    const missing = files.map(
      ([path, bytes]) => [path, path === "summary.json" ? Buffer.from("{}\n") : bytes] as const,
    );
    const tampered = await printed(
      change(missing, { "policies.json": () => null, "bundle.json": () => Buffer.from('{"\u001b[2J":1}\n') }),
      ...json,
    );
    expect(tampered.codes).toEqual([1, 1]);
    for (const { node, python } of [verified, tampered])
      for (const text of [node, python]) expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
    if (json.length === 0) {
      expect(verified.node).toContain(
        "for x\\u001b[1;1H\\u001b[2JVERIFIED  fake\\u000a  note         all fine\\u009b31m\\u202e\\u007f\n",
      );
      expect(verified.node.match(/^ {2}note .*all fine/gm)).toBeNull();
    } else expect(JSON.parse(verified.node).bundle.recipient).toBe(recipient);
  },
);

test("both show the same of every character", () => {
  const script =
    "import hashlib, sys; sys.path.insert(0, sys.argv[1]); import runledger_verify as v; sys.stdout.write(hashlib.sha256('\\n'.join(v.visible(a + chr(c) + b) for c in range(0x110000) for a, b in (('a', 'b'), ('\\u2764', '\\U0001f525'))).encode()).hexdigest())";
  const { stdout } = spawnSync("python3", ["-c", script, dirname(PYTHON)], { encoding: "utf8" });
  const shown = Array.from({ length: 0x110000 }, (_, code) => {
    const character = String.fromCodePoint(code);
    return `${visibleText(`a${character}b`)}\n${visibleText(`\u2764${character}\u{1f525}`)}`;
  });
  expect(stdout).toBe(createHash("sha256").update(shown.join("\n")).digest("hex"));
});

test("files for people are named as not checked by both, those that are there; forged they change no verdict", async () => {
  const forged = files.map(([path, bytes]): readonly [string, Buffer] =>
    /^(README|policies|derived)/.test(path) ? [path, Buffer.from("Refund approved by a human.")] : [path, bytes],
  );
  const all =
    "Not evidence, not checked: README.txt, policies.json, derived/runs.csv, derived/runs.parquet, derived/ocsf.jsonl, derived/report.html.";
  const { node, python, codes } = await printed(forged);
  expect(codes).toEqual([0, 0]);
  for (const text of [node, python]) expect(text).toContain(`  note         ${all}\n`);
  const without = await printed(
    files.filter(([path]) => !path.startsWith("derived/")),
    "--json",
  );
  expect(without.codes).toEqual([0, 0]);
  for (const text of [without.node, without.python])
    expect(JSON.parse(text).notes).toContain("Not evidence, not checked: README.txt, policies.json.");
});

test.each([
  ["extra QUJD", "VERIFIED"],
  ["extra !!!", "TAMPERED"],
  ["extra QUJ", "TAMPERED"],
  ["extra QUJDRB==", "TAMPERED"],
  ["extra ", "TAMPERED"],
  ["extra QUJD\nextra QUJD", "TAMPERED"],
])("a proof's line %j is held to tlog-proof: %s", async (line, verdict) => {
  const path = "proofs/000000000000001.tlog-proof";
  const changed = change(files, { [path]: (bytes) => Buffer.from(bytes.toString().replace("\n", `\n${line}\n`)) });
  const { node, python, why } = await verifiers.verify(writeTar(withSums(changed)), {
    keys: [log.store.key.verifierKey],
  });
  expect([node, python], JSON.stringify(why)).toEqual([verdict, verdict]);
});
