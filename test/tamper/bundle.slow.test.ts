import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers } from "./both-verifiers.ts";
import { type BundleLog, createBundleLog, runFrame } from "./bundle-log.ts";
import { readTar, type TarFiles, withSums, writeTar } from "./bundle-tar.ts";
import { createTwoLogs, partOfRun, type TwoLogs } from "./two-logs.ts";

let verifiers: BothVerifiers;
let log: BundleLog;
let two: TwoLogs;
/** A run that began at `b` and ended at `a`, and what erased its contents: a bundle of both logs with their directory. */
let ofTwo: Buffer;

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  two = await createTwoLogs();
  const moving = { run: "moving", user: "u1", second: 0 };
  await two.write("b", partOfRun(1, moving, { from: 0, to: 2, ends: false }));
  await two.write("a", partOfRun(1, moving, { from: 1, to: 3, ends: true }));
  await two.erase("u1", "b", 2);
  await two.record("2026-01-01T00:01:10.000Z");
  ofTwo = await two.export();
  log = await createBundleLog();
  await log.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 1, second: 0 }));
});
afterAll(async () => {
  await verifiers.close();
  await log.remove();
  await two.remove();
});

test("every single byte of a bundle, changed, is found by both verifiers, and called the same", async () => {
  const tar = await log.export();
  const keys = [log.store.key.verifierKey];
  expect(await verifiers.verify(tar, { keys })).toMatchObject({ node: "VERIFIED", python: "VERIFIED" });
  await expectBytesFound("every byte of a bundle", tar, keys, 1);
}, 3_600_000);

test("every fifth byte of a bundle of two logs, changed, is found by both verifiers, and called the same", async () => {
  const keys = Object.values(two.keys);
  expect(await verifiers.verify(ofTwo, { keys })).toMatchObject({ node: "VERIFIED", python: "VERIFIED" });
  await expectBytesFound("every fifth byte of a bundle of two logs", ofTwo, keys, 5);
}, 3_600_000);

async function expectBytesFound(what: string, tar: Buffer, keys: string[], step: number): Promise<void> {
  const missed: unknown[] = [];
  let total = 0;
  for (let at = 0; at < tar.length; at += step) {
    total++;
    const changed = Buffer.from(tar);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    const { node, python, why } = await verifiers.verify(changed, { keys });
    if (node === "VERIFIED" || node !== python) missed.push({ at, node, python, why });
  }
  process.stdout.write(`${what}: ${total - missed.length} of ${total} found, by both alike\n`);
  expect(missed.slice(0, 5)).toEqual([]);
}

/** Files that only agree with their sum; two of them exchanged, with sums made anew, say nothing about the log. */
const SAID = /^(derived\/|policies|README)/;

/** The bundle without each file, with it twice, cut, and in each other's place; with sums made anew where it is evidence. */
function* changedFiles(all: TarFiles): Generator<[string, Buffer]> {
  for (const [i, [path, bytes]] of all.entries()) {
    const others = all.filter((_, at) => at !== i);
    const replaced = (content: Buffer): TarFiles => all.map((file, at) => (at === i ? [path, content] : file));
    yield [`${path} dropped`, writeTar(others)];
    yield [`${path} doubled`, writeTar([...all.slice(0, i + 1), ...all.slice(i)])];
    yield [`${path} twice at the end`, writeTar([...all, [path, bytes]])];
    for (let length = 0; length < bytes.length; length += Math.max(1, bytes.length >> 3))
      yield [`${path} cut to ${length}`, writeTar(replaced(bytes.subarray(0, length)))];
    if (path === "SHA256SUMS") continue;
    if (!SAID.test(path) && bytes.length > 0)
      yield [`${path} cut, sums anew`, writeTar(withSums(replaced(bytes.subarray(0, -1))))];
    for (const [j, [other, theirs]] of all.entries()) {
      if (j <= i || other === "SHA256SUMS" || theirs.equals(bytes) || (SAID.test(path) && SAID.test(other))) continue;
      const swapped: TarFiles = all.map((file, at) => (at === i ? [path, theirs] : at === j ? [other, bytes] : file));
      yield [`${path} and ${other} swapped, sums anew`, writeTar(withSums(swapped))];
    }
  }
}

test.each(["one log", "two logs"])(
  "every file of a bundle of %s, dropped, doubled, cut or swapped with any other, is found by both verifiers",
  async (of) => {
    const tar = of === "one log" ? await log.export() : ofTwo;
    const keys = of === "one log" ? [log.store.key.verifierKey] : Object.values(two.keys);
    const missed: unknown[] = [];
    let total = 0;
    for (const [name, changed] of changedFiles(readTar(tar))) {
      total++;
      const { node, python, why } = await verifiers.verify(changed, { keys });
      if (node === "VERIFIED" || node !== python) missed.push({ name, node, python, why });
    }
    process.stdout.write(
      `files of a bundle of ${of}: ${total - missed.length} of ${total} changes found, by both alike\n`,
    );
    expect(missed.slice(0, 5)).toEqual([]);
  },
  3_600_000,
);
