import { execFile } from "node:child_process";
import { chown, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RunList } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, getJson, type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PYTHON = join(ROOT, "verify/python/runledger_verify.py");
const AGENT = "refunds";
let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
let bundle: string;
let policy: string;

/** What an operator does: export for somebody, and hand over the policy. */
beforeAll(async () => {
  home = await temporaryDir("export");
  product = await startProduct(home.dir);
  const traceId = newTraceId();
  const messages = JSON.stringify([{ role: "user", parts: [{ type: "text", content: "Where is my refund?" }] }]);
  const facts = { "gen_ai.agent.name": AGENT, "gen_ai.input.messages": messages };
  await postSpans(product.httpUrl, [modelCall(traceId, facts), modelCall(traceId), modelCall(newTraceId())]);
  await eventually(
    () => getJson<RunList>(`${product.apiUrl}/v1/runs`),
    (list) => list.items.length === 2,
  );
  // The policy names the directory too, which takes the log's first head at once.
  const directory = () => fetch(`${product.apiUrl}/v1/audit/objects/log/directory/checkpoint`);
  await eventually(directory, (response) => response.ok);
  bundle = join(home.dir, "bundle.tar");
  policy = join(home.dir, "policy.txt");
  await writeFile(policy, (await runledger(["policy", "--data-dir", home.dir])).stdout);
  const asked = ["--agent", AGENT, "--recipient", "the auditor", "--reason", "a test", "-o", bundle];
  const exported = await runledger(["export", "--api", product.apiUrl, ...asked]);
  expect(exported.code, exported.stderr).toBe(0);
  expect(exported.stdout).toContain("exported 2 entries of one run");
});
afterAll(async () => {
  await product.stop();
  await home.remove();
});

/** Output of a program that ends with 0, or its exit code. */
async function outcomeOf(command: string, args: string[], options: object = {}): Promise<string> {
  return run(command, args, options).then(
    ({ stdout }) => stdout,
    (error) => `exit ${error.code}: ${error.stderr}`,
  );
}

test("both verifiers believe the bundle by the operator's policy, and nobody's word without", async () => {
  const verified = await runledger(["verify", bundle, "--policy", policy]);
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("VERIFIED") });
  expect(verified.stdout).toContain("Not proven: that runs without numbered records are whole (1).");
  expect((await runledger(["verify", bundle])).code).toBe(3);
  expect(await outcomeOf("python3", [PYTHON, bundle, "--policy", policy])).toContain("VERIFIED");
  expect(await outcomeOf("python3", [PYTHON, bundle])).toContain("exit 3");
});

test("a person with tar, sha256sum and openssl follows the specification's commands", async () => {
  const page = await readFile(join(ROOT, "docs/bundle.md"), "utf8");
  const commands = /## By hand\n\n```sh\n([\s\S]*?)# one entry/.exec(page)?.[1] ?? "";
  await mkdir(join(home.dir, "bundle"));
  const shown = await outcomeOf("bash", ["-ec", commands], { cwd: home.dir });
  expect(shown).toContain("report.html: OK");
  expect(shown).toContain("Signature Verified Successfully");
  const hands = { cwd: join(home.dir, "bundle"), env: { ...process.env, LINE: "1" } };
  const entryCommand = /# one entry[^\n]*\n([^\n]+)/.exec(page)?.[1] ?? "";
  const leaf = await outcomeOf("bash", ["-ec", `FILE=$(basename entries/*); ${entryCommand}`], hands);
  const [line = ""] = (await readFile(join(home.dir, "bundle/entries/000000000000000.jsonl"), "utf8")).split("\n");
  const { stdout: tile } = await run("bash", ["-c", "cat tile/0/000.p/* | od -An -v -tx1 | tr -d ' \\n'"], hands);
  const index = Number(/^\[(\d+),/.exec(line)?.[1]);
  expect(leaf.slice(0, 64)).toBe(tile.slice(64 * index, 64 * (index + 1)));
});

test("straight from the objects nothing is written where a service of another user would be locked out, nor into a copy", async () => {
  const objects = join(home.dir, "copied");
  await cp(join(home.dir, "objects"), objects, { recursive: true, filter: (path) => !/[/]\.(lock|tmp)/.test(path) });
  const offline = (name: string, ...more: string[]) =>
    runledger([
      ...["export", "--objects", `file:${objects}`, "--data-dir", home.dir, "--no-content", "--recipient", "r"],
      ...["--reason", "a test", "-o", join(home.dir, name), ...more],
    ]);
  const warning = "this export will not be on record: run it as the user of Runledger";
  const files = async () => (await readdir(objects, { recursive: true })).sort();
  const before = await files();
  expect(await offline("of-copy.tar")).toMatchObject({ code: 0, stderr: expect.stringContaining(warning) });
  expect(await files()).toEqual(before);
  await writeFile(join(objects, ".lock"), "");
  if (process.getuid?.() === 0) {
    await chown(objects, 65_534, 65_534);
    expect(await offline("of-others.tar")).toMatchObject({ code: 0, stderr: expect.stringContaining(warning) });
    expect(await files()).toEqual([".lock", ...before]);
    await chown(objects, 0, 0);
  }
  expect((await offline("noted.tar")).stderr).toContain("The log has it (export.create) soon");
  expect(await files()).toContain("state/offline-exports.json");
  const nobodys = await offline("refused.tar", "--tenant", "Acme Corp");
  expect(nobodys).toMatchObject({ code: 1, stderr: expect.stringContaining('--tenant: "Acme Corp" is no tenant') });
});

test("the published verifier needs nothing but itself", async () => {
  await run("npm", ["run", "build", "-w", "@runledger/verify"], { cwd: ROOT });
  const empty = join(home.dir, "empty");
  await mkdir(empty);
  await writeFile(join(empty, "package.json"), "{}");
  const { stdout } = await run("npm", ["pack", join(ROOT, "verify/dist")], { cwd: empty });
  await run("npm", ["install", "--offline", `./${stdout.trim().split("\n").at(-1)}`], { cwd: empty });
  const bin = join(empty, "node_modules/@runledger/verify/bin.js");
  expect(await outcomeOf(process.execPath, [bin, bundle, "--policy", policy])).toContain("VERIFIED");
  expect(await outcomeOf(process.execPath, [bin, bundle])).toContain("exit 3");
});
