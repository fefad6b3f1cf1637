import { type BundledLog, type BundleManifest, bundledLogs } from "@runledger/contract";

/** `README.txt` of a bundle: how it is checked, and what that shows. Plain ASCII, for any machine. */
export function bundleReadme(manifest: BundleManifest): string {
  return `RUNLEDGER EVIDENCE BUNDLE ${manifest.export_id}

What this is: records of what AI agents did, taken from an append-only log, with the proof that they are in it.
Who made it, for whom and why, and what was selected: bundle.json. To read it: derived/report.html in any browser.
That page, like all of derived/, policies.json and this text, is for reading: no verifier checks it, and whoever
passes the bundle on can have changed it. What is evidence stands in entries/ and payloads/.

HOW TO CHECK IT

You need one thing that is not in here: the policy file with the key of the log, given to you by the operator in
person. A key, or a program, that came with the bundle proves nothing. Get the verifier from elsewhere.

  npx @runledger/verify BUNDLE.tar --policy policy.txt
  python3 runledger_verify.py BUNDLE.tar --policy policy.txt      (Python 3.9 or newer, and openssl)

Exit codes: 0 VERIFIED, 1 TAMPERED, 2 INCOMPLETE, 3 UNTRUSTED, 4 UNREADABLE.
With --since-checkpoint FILE, a checkpoint that you kept from an earlier audit, a rewritten history shows too.
Keep the file "checkpoint" of ${bundledLogs(manifest).length === 1 ? "this bundle" : "each log in logs/"} for the next audit.

By hand, unpacked:   sha256sum -c SHA256SUMS
and the commands in the specification (docs/bundle.md of Runledger), which is all one needs to write a third verifier.

WHAT A VERIFIED BUNDLE PROVES

- Every entry is in the log that the key signed, and not a bit of it was changed.
- Every content in payloads/ is the one its entry was logged with.
${manifest.content ? UNSELECTED : ""}${completeness(manifest)}${severalLogs(manifest)}
WHAT NOTHING HERE PROVES

- That what the agents reported is true, or that they reported everything.
- That no second history was signed: compare checkpoints with others, ask for witnesses.
- Anything by derived/, policies.json and bundle.json, which are made from the evidence or said by the exporter.
`;
}

const UNSELECTED = `  Some may be of entries that were not selected: a content can be stored as the difference to an earlier one of its
  run, which is here with it also if it is from before the time asked for. (Earlier versions of Runledger took earlier
  ones of other runs of the same person, too.) derived/report.html says how many there are.
`;

function severalLogs(manifest: BundleManifest): string {
  const logs = bundledLogs(manifest);
  if (logs.length === 1) return "";
  return `- There are ${logs.length} logs in here, each in logs/: ${logs.map(({ shard }) => shard).join(", ")}. With the key of the directory in your
  policy it shows that there is no other.
`;
}

function completeness(manifest: BundleManifest): string {
  if (manifest.runs !== null) {
    return `- Of each run with numbered records (runs.json: "numbered") and an end, nothing was left out; a gap is INCOMPLETE.
  It does NOT prove that no whole run was left out, nor that a run without numbers or without an end is whole.
  For that ask for an export by time alone.
`;
  }
  const logs = bundledLogs(manifest);
  return logs.map((log) => wholeRange(log, logs.length === 1 ? "the log" : `the log ${log.shard}`)).join("");
}

function wholeRange({ range, hidden }: BundledLog, log: string): string {
  const [first, end] = range ?? [0, 0];
  const others = hidden === 0 ? "" : ` ${hidden} of them are shown as hashes only and are said to be of other tenants.`;
  return `- Nothing was left out of the ${end - first} entries of ${log} from index ${first} on.${others}
`;
}
