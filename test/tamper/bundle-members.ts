import { createHash } from "node:crypto";
import { canonicalJson } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothVerifiers, startBothVerifiers, type Trusting } from "./both-verifiers.ts";
import { type BundleLog, createBundleLog, runFrame, timeAt } from "./bundle-log.ts";
import { linesOf, readTar, type TarFiles, withSums, writeTar } from "./bundle-tar.ts";
import { changedMembers, type Json } from "./changed-members.ts";
import { createTwoLogs, partOfRun, type TwoLogs } from "./two-logs.ts";

/** Declares the tests. @param step every so many of the changes is tried. */
export function testMembers(step: number): void {
  let verifiers: BothVerifiers;
  let log: BundleLog;
  let two: TwoLogs;
  /** One in which one user's contents are erased and another's are not, one that begins within a run, one of runs, and one of two logs with their directory. */
  const bundles: Record<"erased" | "range" | "runs" | "two", { tar: Buffer; trust: Trusting }> = {} as never;

  beforeAll(async () => {
    verifiers = await startBothVerifiers();
    log = await createBundleLog();
    await log.write(runFrame(1, { run: "a", agent: "support", user: "u1", steps: 4, second: 0 }));
    await log.write(runFrame(2, { run: "b", agent: "billing", user: "u2", steps: 5, second: 10 }));
    await log.erase("u1", 3);
    const trust = { keys: [log.store.key.verifierKey] };
    bundles.erased = { tar: await log.export(), trust };
    bundles.range = { tar: await log.export({ since: timeAt(13), until: timeAt(16) }), trust };
    bundles.runs = { tar: await log.export({ agent: "support" }), trust };
    two = await createTwoLogs();
    await two.write("b", partOfRun(1, { run: "moving", user: "u1", second: 0 }, { from: 0, to: 2, ends: false }));
    await two.write("a", partOfRun(1, { run: "moving", user: "u1", second: 0 }, { from: 1, to: 3, ends: true }));
    await two.write("a", partOfRun(2, { run: "other", user: "u2", second: 5 }, { from: 0, to: 3, ends: true }));
    await two.erase("u1", "b", 2);
    await two.record("2026-01-01T00:01:10.000Z");
    bundles.two = { tar: await two.export(), trust: { keys: Object.values(two.keys) } };
  });
  afterAll(async () => {
    await verifiers.close();
    await log.remove();
    await two.remove();
  });

  test.each(["erased", "range", "runs", "two"] as const)(
    "every member of every line that no hash covers, changed, is found, or changes nothing of the report: %s",
    async (which) => {
      const { tar, trust } = bundles[which];
      const untouched = await verifiers.verify(tar, trust);
      expect([untouched.node, untouched.python], JSON.stringify(untouched.why)).toEqual(["VERIFIED", "VERIFIED"]);
      const missed: unknown[] = [];
      const stayed = new Set<string>();
      let total = 0;
      const tried = new Set<string>();
      let at = 0;
      for (const { name, mayStay, tar: changed } of changes(readTar(tar))) {
        if (at++ % step !== 0) continue;
        const digest = createHash("sha256").update(changed).digest("hex");
        if (changed.equals(tar) || tried.has(digest)) continue;
        tried.add(digest);
        total++;
        const { node, python, why, report } = await verifiers.verify(changed, trust);
        const isSame =
          withoutWords(report.node) === withoutWords(untouched.report.node) &&
          withoutWords(report.python) === withoutWords(untouched.report.python);
        if (node === "VERIFIED" && python === node && mayStay && isSame) stayed.add(name.replace(/ .*? /, " "));
        else if (node === "VERIFIED" || node !== python) missed.push({ name, node, python, why });
      }
      process.stdout.write(`members of a bundle (${which}): ${total} changes, ${stayed.size} of what is only said\n`);
      expect(missed.slice(0, 5)).toEqual([]);
      expect(total).toBeGreaterThan(30);
    },
    900_000,
  );

  test.each(["erased", "range", "runs", "two"] as const)(
    "bytes of every file that is evidence, changed with sums made anew, are found, or change nothing of the report: %s",
    async (which) => {
      const { tar, trust } = bundles[which];
      const untouched = await verifiers.verify(tar, trust);
      const missed: unknown[] = [];
      let total = 0;
      for (const { name, mayStay, tar: changed } of changedBytes(readTar(tar), 27 * step)) {
        total++;
        const { node, python, why, report } = await verifiers.verify(changed, trust);
        const isSame = withoutWords(report.python) === withoutWords(untouched.report.python);
        if (node === "VERIFIED" && python === node && mayStay && isSame) continue;
        if (node === "VERIFIED" || node !== python) missed.push({ name, node, python, why });
      }
      process.stdout.write(`bytes of a bundle (${which}), sums anew: ${total} changes\n`);
      expect(missed.slice(0, 5)).toEqual([]);
      expect(total).toBeGreaterThan(20);
    },
    3_600_000,
  );
}

/** What docs/bundle.md calls said, or not checked: another value changes no verdict, and nothing of the report but its own words. */
const SAID = {
  "bundle.json":
    /^((export_id|created_time|exporter|recipient|reason|filter)\b|(logs\.\d\.)?since_checkpoint|log\.shard$|runs$)/,
  "anchors.json": /^heads\.\d\.timestamp$/,
  payloads: /^payload_key$/,
};

/** Each changed member of each line that no hash covers, sums made anew. Of lines that are alike the first. */
function* changes(files: TarFiles): Generator<{ name: string; mayStay: boolean; tar: Buffer }> {
  const plaintexts = Buffer.concat(files.flatMap(([path, bytes]) => (path.endsWith(".bin") ? [bytes] : []))).toString();
  for (const [at, [path, bytes]] of files.entries()) {
    const kind = /^(bundle\.json|anchors\.json)$|(payloads)\/\d+\.jsonl$/.exec(path);
    const what = kind?.[1] ?? kind?.[2];
    if (what === undefined) continue;
    const lines = linesOf(bytes).map((line): Json => JSON.parse(line));
    const said = SAID[what as keyof typeof SAID] ?? /^$/;
    const own = /^logs\/([^/]+)/.exec(path)?.[1] ?? "s0";
    for (const { name, changed } of changedMembers(lines, { erased_in: own, missing: "lost", erased_by: 0 })) {
      const content = Buffer.from(changed.map((line) => `${canonicalJson(line)}\n`).join(""));
      const all = files.map((file, i) => (i === at ? ([path, content] as const) : file));
      const mayStay = said.test(name.split(" ")[0] ?? "") || isOtherTruth(changed, lines, plaintexts);
      yield { name: `${path}: ${name}`, mayStay, tar: writeTar(withSums(all)) };
    }
  }
}

/** A text that its entry calls something else, and a difference to it plain text. */
function isOtherTruth(changed: readonly Json[], lines: readonly Json[], plaintexts: string): boolean {
  const at = changed.findIndex((line, i) => JSON.stringify(line) !== JSON.stringify(lines[i]));
  const [line, before] = [changed[at], lines[at]] as { media_type?: string; sha256?: string }[];
  const isText = before?.media_type?.includes("vnd.runledger.value") === true && line?.media_type === "text/plain";
  const isRest = JSON.stringify({ ...line, media_type: 0 }) === JSON.stringify({ ...before, media_type: 0 });
  return (
    isText &&
    isRest &&
    plaintexts.includes(`"media_type":"text/plain","offset":`) &&
    plaintexts.includes(before?.sha256 ?? "")
  );
}

/** All but what is said: of a bundle of one log its shard's name too, with the note that it is not the one in its origin. */
const withoutWords = (report: object | null): string =>
  JSON.stringify(report, (key, value) => (/^(export_id|recipient|shard)$/.test(key) ? "" : value)).replace(
    /"bundle\.json calls the log [^"]*",|no other log than [^"]*"/g,
    (words) => (words.endsWith(",") ? "" : '"'),
  );

/** Of no evidence: sums fit again whatever is in them. */
const NO_EVIDENCE = /^(README\.txt|policies\.json|derived\/|SHA256SUMS)/;

function* changedBytes(files: TarFiles, step: number): Generator<{ name: string; mayStay: boolean; tar: Buffer }> {
  for (const [i, [path, bytes]] of files.entries()) {
    if (NO_EVIDENCE.test(path)) continue;
    for (let at = i % step; at < bytes.length; at += step) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 7));
      const all = files.map((file, j) => (j === i ? ([path, changed] as const) : file));
      const before = bytes.toString("latin1", Math.max(0, at - 400), at);
      const mayStay = path === "bundle.json" || /"payload_key":"[0-9a-f]{0,63}$/.test(before);
      yield { name: `${path} byte ${at} after ${before.slice(-40)}`, mayStay, tar: writeTar(withSums(all)) };
    }
  }
}
