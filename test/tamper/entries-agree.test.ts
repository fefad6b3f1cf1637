import { leafHash, signNote, verifyLog } from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgreeSample, createAgreeSample, entriesOf, rootOf, signedAnew } from "./agree-sample.ts";
import { type AgreeingVerifiers, startAgreeingVerifiers } from "./agree-verifiers.ts";

let sample: AgreeSample;
let verifiers: AgreeingVerifiers;
beforeAll(async () => {
  sample = await createAgreeSample();
  verifiers = await startAgreeingVerifiers();
});
afterAll(async () => {
  await verifiers.close();
  await sample.remove();
});

type Change = (entry: string) => string;
const withMember =
  (member: string): Change =>
  (entry) =>
    `${entry.slice(0, -1)},${member}}`;
const put =
  (from: string | RegExp, to: string): Change =>
  (entry) =>
    entry.replace(from, to);
const both =
  (...changes: Change[]): Change =>
  (entry) =>
    changes.reduce((text, change) => change(text), entry);
const unknown = withMember('"zzz":1');
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

/** docs/audit-log.md, "What is a record": changes of an entry that its signer made. */
const RECORDS: Record<string, Change> = {
  "as it was": (entry) => entry,
  "an unknown member": unknown,
  "an unknown member in one of its objects": put('"scope":{', '"scope":{"branch":null,'),
  "a member called __proto__": (entry) => `{"__proto__":{"event":"act"},${entry.slice(1)}`,
  "another word": put(/"status":"(ok|unset)"/, '"status":"later"'),
  "received in the year 1": put(/"received_time":"\d{4}/, '"received_time":"0001'),
  "a greater v": put('"v":1', '"v":2'),
  "an unknown member nested 999 deep": withMember(`"zzz":${nested(999)}`),
};
const NONE: Record<string, Change> = {
  "a doubled member": put('"status":', '"status":"error","status":'),
  "a doubled member and an unknown one": both(put('"status":', '"status":"error","status":'), unknown),
  "a space": put('"v":1', '"v": 1'),
  "a space and an unknown member": both(put('"v":1', '"v": 1'), unknown),
  "an escape": put('"event"', '"\\u0065vent"'),
  "a lone surrogate": put('"name":"', '"name":"\\ud800'),
  NaN: put('"v":1', '"v":NaN'),
  "a number spelled otherwise": put('"v":1', '"v":1.0'),
  "2^53+1": put(/"run_seq":\d+/, '"run_seq":9007199254740993'),
  "2^53": put(/"run_seq":\d+/, '"run_seq":9007199254740992'),
  "a byte order mark": (entry) => `\ufeff${entry}`,
  "members out of order": (entry) => `{"zzz":1,${entry.slice(1)}`,
  "an unknown member nested 1,000 deep": withMember(`"zzz":${nested(1_000)}`),
  "an unknown member nested 3,000 deep": withMember(`"zzz":${nested(3_000)}`),
  "a payload that is null": put('"payloads":{', '"payloads":{"aaa":null,'),
  "a payload that is empty": put('"payloads":{', '"payloads":{"aaa":{},'),
  "a payload called __proto__": put('"payloads":{', '"payloads":{"__proto__":{},'),
  "a day that there is not": put('"received_time":"2026-01-01', '"received_time":"2026-11-99'),
  "a leap second": put(/"received_time":"[^"]+"/, '"received_time":"2026-01-01T00:00:60.000000000Z"'),
  "a lower v": put('"v":1', '"v":0'),
  "a member of another type and an unknown one": both(put('"conflict":false', '"conflict":0'), unknown),
  "a member that is missing, and an unknown one": both(put('"conflict":false,', ""), unknown),
  "an optional member that is null": put('"run_seq"', '"run_prev":null,"run_seq"'),
  "longer than two bytes can tell": withMember(`"zzz":"${"z".repeat(66_000)}"`),
  "no object": () => "[]",
};

const CASES = [
  ...Object.entries(RECORDS).map(([name, change]) => ({ name, change, verdict: "VERIFIED" })),
  ...Object.entries(NONE).map(([name, change]) => ({ name, change, verdict: "TAMPERED" })),
];

test.for(CASES)(
  "an entry with $name is $verdict, as a bundle and as a log, for both",
  async ({ name, change, verdict }) => {
    const entries = entriesOf(sample);
    const at = entries.findIndex((entry) => entry.includes('"event":"step"'));
    const changed = Buffer.from(change(entries[at]?.toString() ?? ""));
    expect(changed.equals(entries[at] ?? Buffer.of())).toBe(change === RECORDS["as it was"]);
    entries[at] = changed;
    const sign = (text: string): Buffer => Buffer.from(signNote(text, [sample.signer]));
    const tar = signedAnew(sample, entries, sign);
    const { node, python } = await verifiers.ask({ tar, policy: Buffer.from(`log ${sample.logKey}\nquorum none\n`) });
    const isLater = verdict === "VERIFIED" && !/as it was|year 1/.test(name);
    const later = node.notes.filter((note) => note.includes("later Runledger"));
    expect(later).toEqual(isLater ? [expect.stringMatching(/later Runledger.*: 1\.$/)] : []);
    expect(python.notes).toEqual(verdict === "VERIFIED" ? node.notes : expect.anything());
    expect({ node: node.verdict, python: python.verdict, store: await verdictOfLog(entries, sign) }).toEqual({
      node: verdict,
      python: verdict,
      store: verdict,
    });
  },
);

/** Of the same entries as a log with nothing beside it. */
async function verdictOfLog(entries: readonly Buffer[], sign: (text: string) => Buffer): Promise<string> {
  const leaves = entries.map((entry) => Buffer.from(leafHash(entry)));
  const [origin] = sample.checkpoints[0]?.toString().split("\n") ?? [];
  const objects = new Map<string, Buffer>([
    ["checkpoint", sign(`${origin}\n${entries.length}\n${rootOf(leaves).toString("base64")}\n`)],
    [`tile/0/000.p/${entries.length}`, Buffer.concat(leaves)],
    [
      `tile/entries/000.p/${entries.length}`,
      Buffer.concat(entries.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry])),
    ],
  ]);
  const read = async (path: string) => objects.get(path) ?? null;
  const { verdict } = await verifyLog({ read, verifierKeys: [sample.logKey] });
  return verdict;
}
