import type { BundleRun, BundleSummary } from "@runledger/contract";
import type { ExportFacts, Written } from "./derived-files.ts";
import { count, escaped } from "./html-text.ts";
import { time, UNKNOWN } from "./report-rows.ts";
import { REPORT_STYLE } from "./report-style.ts";
import type { LogSelection } from "./selection.ts";

export interface ReportContents {
  facts: ExportFacts;
  summary: BundleSummary;
  /** The first runs, as rows of the table. */
  listed: readonly ToldRun[];
  /** Runs in the order of the bundle; `html` is the beginning of the trail. */
  told: readonly (ToldRun & { trail: RunTrail })[];
  /** Rows of the table of acts. */
  acts: readonly { receivedTime: string; html: string }[];
  written: Written;
}

/** What puts runs in order. */
type Beginning = Pick<BundleRun, "first_index" | "start_time">;

export interface ToldRun extends Beginning {
  html: string;
}

/** The trail of a run, as far as the report tells it. */
export interface RunTrail {
  lines: { time: string; index: number; html: string }[];
  /** Records with a line of their own that are left out. */
  leftOut: number;
}

/** The report as one page without scripts, pictures or addresses, in pieces. Everything that comes from outside is escaped. */
export function* reportPage(contents: ReportContents): Generator<string> {
  const { told, listed, summary } = contents;
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Decision trail ${escaped(contents.facts.request.exportId)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
${head(contents)}
${proofSection(contents)}
${runsSection(listed, summary.runs)}
${actsSection(contents.acts)}
<section>
<h2>Decision trails</h2>
${told.length < summary.runs ? `<p class="note">Of ${count(summary.runs)} runs the first ${count(told.length)} are told here; all are in the entries.</p>` : ""}
`;
  for (const [i, run] of told.toSorted(byBeginning).entries()) yield `${i === 0 ? "" : "\n"}${trailSection(run)}`;
  yield `
</section>
${policiesSection(contents)}
</body>
</html>
`;
}

function head({ facts: { request, logs }, summary }: ReportContents): string {
  const filter = Object.entries(request.filter).map(([name, value]) => `${name.replace("_", " ")} ${String(value)}`);
  return `<header>
<p class="brand">Runledger</p>
<h1>Decision trail</h1>
<p class="lead">What ${summary.runs === 1 ? "one run of an AI agent" : `${count(summary.runs)} runs of AI agents`} saw, decided and did, told from ${count(summary.entries)} entries of ${logs.length === 1 ? "a tamper-evident log" : `${logs.length} tamper-evident logs`}.</p>
<dl class="facts">
${fact("Export", request.exportId)}${fact("Made", `${time(request.createdTime)} by ${request.exporter.name}`)}${fact("For", request.recipient)}${fact("Reason", request.reason ?? "none given")}${fact("Selected by", filter.join(", ") || (logs.length === 1 ? "nothing: the whole log" : "nothing: all logs, whole"))}${fact("Received", `${summary.first_received_time ? time(summary.first_received_time) : "–"} to ${summary.last_received_time ? time(summary.last_received_time) : "–"}`)}${fact("Contents", request.content ? "included" : "not included: facts and hashes only")}
</dl>
</header>`;
}

function proofSection({ facts: { logs, selection }, written }: ReportContents): string {
  const { missingPayloads, unselectedPayloads } = written;
  const complete =
    selection.runIds !== null
      ? "Of each run below whose records are numbered and that has an end, nothing can have been left out unseen; of one without an end its last records can. That no whole run was left out is not proven by this selection."
      : logs.map(({ shard }, i) => wholeRange(selection.logs[i], logs.length === 1 ? null : shard)).join(" ");
  return `<section class="proof">
<h2>What this page is worth</h2>
<p><strong>This page proves nothing by itself.</strong> It was made from the bundle’s entries, which can be checked against a key that the operator gave you in person: see README.txt. Only a verdict <strong>VERIFIED</strong> of a verifier that you got elsewhere makes the entries evidence. In brackets behind each line stands its index in the log${logs.length === 1 ? "" : ", behind the log’s name"}.</p>
<p>${complete}${missingPayloads === 0 ? "" : ` <strong>${count(missingPayloads)} contents could not be read when this was made.</strong>`}${unselectedPayloads === 0 ? "" : ` <strong>${count(unselectedPayloads)} contents in payloads/ are of entries that were not selected</strong>: contents of these are stored as differences to them.`}</p>
<dl class="facts">
${logFacts(logs)}
</dl>
</section>`;
}

function logFacts(logs: ReportContents["facts"]["logs"]): string {
  const [only, ...others] = logs;
  const rootOf = (root: Uint8Array): string => Buffer.from(root).toString("base64");
  if (only !== undefined && others.length === 0) {
    const { origin, size, root } = only.checkpoint;
    return `${fact("Log", origin)}${fact("Size", `${count(size)} entries`)}${fact("Root", rootOf(root))}`;
  }
  return logs
    .map(({ shard, checkpoint: { origin, size, root } }) =>
      fact(`Log ${shard}`, `${origin}, ${count(size)} entries, root ${rootOf(root)}`),
    )
    .join("");
}

function wholeRange(selected: LogSelection | undefined, shard: string | null): string {
  const { range, hidden } = selected ?? { range: null, hidden: null };
  const others = (hidden ?? 0) === 0 ? "" : `, but ${count(hidden ?? 0)} of other tenants`;
  const log = shard === null ? "the log" : `the log ${escaped(shard)}`;
  return `All entries of ${log} from index ${range?.[0] ?? 0} to before ${range?.[1] ?? 0} are in the bundle${others}.`;
}

function runsSection(listed: readonly ToldRun[], all: number): string {
  const rows = listed.map(({ html }) => html);
  return `<section>
<h2>Runs</h2>
<table>
<thead><tr><th>Run</th><th>Agent</th><th>Status</th><th>Began</th><th class="n">Steps</th><th class="n">Tool calls</th><th class="n">Tokens in / out</th><th class="n">Cost, $</th><th>Records</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
<p class="note">Sums are of what was told: a model call that two instrumentations tell of is in them twice.</p>
${rows.some((row) => row.includes(UNKNOWN)) ? `<p class="note">+? behind a sum: of some calls nobody knew tokens or price; how many is in runs.csv (input_missing, output_missing, cost_missing).</p>` : ""}
${all > rows.length ? `<p class="note">The first ${count(rows.length)} of ${count(all)}; all are in runs.csv.</p>` : ""}
</section>`;
}

function actsSection(acts: ReportContents["acts"]): string {
  if (acts.length === 0) return "";
  const rows = acts.toSorted((a, b) => compare(a.receivedTime, b.receivedTime)).map(({ html }) => html);
  return `<section>
<h2>What people did about it</h2>
<table>
<thead><tr><th>When</th><th>Who</th><th>What</th><th>Why</th><th>To what</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
</section>`;
}

function trailSection({ html, trail }: ReportContents["told"][number]): string {
  return `${html}
<ol class="trail">
${trail.lines
  .toSorted(byTime)
  .map((line) => line.html)
  .join("\n")}
</ol>
${trail.leftOut === 0 ? "" : `<p class="note">${count(trail.leftOut)} further steps are in the entries.</p>`}
</article>`;
}

/** The log has steps as they ended; people follow them as they began. */
function byTime(a: RunTrail["lines"][number], b: RunTrail["lines"][number]): number {
  return compare(a.time, b.time) || a.index - b.index;
}

/** Of one log in its order; of several by their clocks. */
export function byBeginning(a: Beginning, b: Beginning): number {
  if (a.first_index !== undefined && b.first_index !== undefined) return a.first_index - b.first_index;
  return compare(a.start_time, b.start_time);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function policiesSection({ facts: { request }, summary, written }: ReportContents): string {
  const prices = summary.price_tables.map(
    ({ name, version, records }) =>
      `<li>${escaped(name)}, version ${escaped(version)}: ${count(records)} records${modelPrices(written.priceTables, name, version)}</li>`,
  );
  return `<section>
<h2>Price tables</h2>
<ul>${prices.join("") || "<li>No record has a cost.</li>"}</ul>
<h2>Policies in force when this was made</h2>
<pre>${escaped(JSON.stringify(request.policies, null, 2))}</pre>
</section>`;
}

function modelPrices(tables: Written["priceTables"], name: string, version: string): string {
  const table = tables.find((one) => one.name === name && one.version === version);
  if (table === undefined || table.models.length === 0) return "; its prices were not kept";
  const more =
    table.left_out === undefined ? "" : ` <p class="note">${count(table.left_out)} more models were left out.</p>`;
  return ` <details><summary>the prices of ${count(table.models.length)} models, USD a million tokens</summary><pre>${escaped(JSON.stringify(table.models, null, 2))}</pre>${more}</details>`;
}

function fact(name: string, value: string): string {
  return `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>\n`;
}
