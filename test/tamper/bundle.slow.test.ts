import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers } from "./both-verifiers.ts";
import { type BundleLog, createBundleLog, runFrame } from "./bundle-log.ts";

let verifiers: BothVerifiers;
let log: BundleLog;

beforeAll(async () => {
  verifiers = await startBothVerifiers();
  log = await createBundleLog();
  await log.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 1, second: 0 }));
});
afterAll(async () => {
  await verifiers.close();
  await log.remove();
});

test("every single byte of a bundle, changed, is found by both verifiers, and called the same", async () => {
  const tar = await log.export();
  const keys = [log.store.key.verifierKey];
  expect(await verifiers.verify(tar, { keys })).toMatchObject({ node: "VERIFIED", python: "VERIFIED" });
  const missed: unknown[] = [];
  for (let at = 0; at < tar.length; at++) {
    const changed = Buffer.from(tar);
    changed[at] = (changed[at] as number) ^ (1 << (at % 8));
    const { node, python, why } = await verifiers.verify(changed, { keys });
    if (node === "VERIFIED" || node !== python) missed.push({ at, node, python, why });
  }
  process.stdout.write(`every byte of a bundle: ${tar.length - missed.length} of ${tar.length} found, by both alike\n`);
  expect(missed.slice(0, 5)).toEqual([]);
}, 3_600_000);
