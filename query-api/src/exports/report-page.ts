import type { BundleRun, BundleSummary, RunledgerRecord } from "@runledger/contract";
import type { ExportFacts, Written } from "./derived-files.ts";
import type { RunTrail } from "./report.ts";
import { REPORT_STYLE } from "./report-style.ts";
import type { LogSelection } from "./selection.ts";
import { count, type TrailLine } from "./step-words.ts";

export interface ReportContents {
  facts: ExportFacts;
  runs: readonly BundleRun[];
  summary: BundleSummary;
  trails: ReadonlyMap<string, RunTrail>;
  acts: readonly RunledgerRecord[];
  written: Written;
}

const MAX_LISTED_RUNS = 2_000;

/** The report as one page without scripts, pictures or addresses. Everything that comes from outside is escaped. */
export function reportPage(contents: ReportContents): string {
  const { runs, trails } = contents;
  const told = runs.filter((run) => trails.has(run.run_id)).toSorted(byBeginning);
  return `<!doctype html>
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
${runsSection(runs)}
${actsSection(contents.acts)}
<section>
<h2>Decision trails</h2>
${told.length < runs.length ? `<p class="note">Of ${count(runs.length)} runs the first ${count(told.length)} are told here; all are in the entries.</p>` : ""}
${told.map((run) => trailSection(run, trails.get(run.run_id) as RunTrail)).join("\n")}
</section>
${policiesSection(contents)}
</body>
</html>
`;
}

function head({ facts: { request, logs }, summary, runs }: ReportContents): string {
  const filter = Object.entries(request.filter).map(([name, value]) => `${name.replace("_", " ")} ${String(value)}`);
  return `<header>
<p class="brand">Runledger</p>
<h1>Decision trail</h1>
<p class="lead">What ${runs.length === 1 ? "one run of an AI agent" : `${count(runs.length)} runs of AI agents`} saw, decided and did, told from ${count(summary.entries)} entries of ${logs.length === 1 ? "a tamper-evident log" : `${logs.length} tamper-evident logs`}.</p>
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

function runsSection(runs: readonly BundleRun[]): string {
  const shown = runs.toSorted(byBeginning).slice(0, MAX_LISTED_RUNS);
  const rows = shown.map(
    (run) =>
      `<tr><td><a href="#${anchor(run)}">${escaped(shortId(run.run_id))}</a></td><td>${escaped(run.agent_name ?? "–")}</td><td>${status(run)}</td><td>${time(run.start_time)}</td><td class="n">${count(run.steps)}</td><td class="n">${count(run.tool_calls)}</td><td class="n">${tokens(run)}</td><td class="n">${money(run)}</td><td>${completeness(run)}</td></tr>`,
  );
  return `<section>
<h2>Runs</h2>
<table>
<thead><tr><th>Run</th><th>Agent</th><th>Status</th><th>Began</th><th class="n">Steps</th><th class="n">Tool calls</th><th class="n">Tokens in / out</th><th class="n">Cost, $</th><th>Records</th></tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
${rows.some((row) => row.includes(UNKNOWN)) ? `<p class="note">+? behind a sum: of some calls nobody knew tokens or price; how many is in runs.csv (input_missing, output_missing, cost_missing).</p>` : ""}
${runs.length > shown.length ? `<p class="note">The first ${count(shown.length)} of ${count(runs.length)}; all are in runs.csv.</p>` : ""}
</section>`;
}

function actsSection(acts: readonly RunledgerRecord[]): string {
  if (acts.length === 0) return "";
  const rows = acts
    .toSorted((a, b) => compare(a.received_time, b.received_time))
    .map((record) => {
      const { actor, action, reason, target } = actOf(record);
      return `<tr><td class="w">${time(record.start_time)}</td><td class="w">${escaped(actor)}</td><td class="w">${escaped(action)}</td><td>${escaped(reason)}</td><td class="code">${escaped(target)}</td></tr>`;
    });
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

function trailSection(run: BundleRun, trail: RunTrail): string {
  const who = [
    run.agent_name && `agent ${run.agent_name}${run.agent_version === null ? "" : ` ${run.agent_version}`}`,
    run.task_type && `task ${run.task_type}`,
    run.user_id && `user ${run.user_id}`,
    run.session_id && `session ${run.session_id}`,
  ].filter((part) => part);
  const gaps = run.gaps.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
  return `<article id="${anchor(run)}">
<h3>${escaped(run.run_id)} ${status(run)}</h3>
<p class="who">${escaped(who.join(" · "))}</p>
${gaps === "" ? "" : `<p class="warn">Records ${gaps} of this run are not here: withheld, or never arrived.</p>`}
<ol class="trail">
${trail.lines.toSorted(byTime).map(line).join("\n")}
</ol>
${trail.leftOut === 0 ? "" : `<p class="note">${count(trail.leftOut)} further steps are in the entries.</p>`}
</article>`;
}

/** The log has steps as they ended; people follow them as they began. */
function byTime(a: TrailLine, b: TrailLine): number {
  return compare(a.time, b.time) || a.index - b.index;
}

/** Of one log in its order; of several by their clocks. */
function byBeginning(a: BundleRun, b: BundleRun): number {
  if (a.first_index !== undefined && b.first_index !== undefined) return a.first_index - b.first_index;
  return compare(a.start_time, b.start_time);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function line({ time: at, index, shard, isError, sentence, quotes }: TrailLine): string {
  const quoted = quotes.map(({ label, text }) => `<blockquote><b>${escaped(label)}</b> ${escaped(text)}</blockquote>`);
  return `<li${isError ? ' class="error"' : ""}><time>${escaped(at.slice(11, 23))}</time><div><p>${escaped(sentence)} <span class="index">[${shard === undefined ? "" : `${escaped(shard)} `}${index}]</span></p>${quoted.join("")}</div></li>`;
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

interface ActWords {
  actor: string;
  action: string;
  reason: string;
  target: string;
}

function actOf({ act, name }: RunledgerRecord): ActWords {
  return {
    actor: act?.actor.name ?? "unknown",
    action: act?.action ?? name,
    reason: act?.reason ?? "–",
    target: JSON.stringify(act?.target ?? {}),
  };
}

function status(run: BundleRun): string {
  const bad = run.status === "failed" || run.status === "killed" || run.status === "stopped";
  return `<span class="status${bad ? " bad" : ""}">${escaped(run.status.replace("_", " "))}</span>`;
}

function completeness(run: BundleRun): string {
  if (run.numbered === 0) return `${count(run.records)}, not numbered`;
  if (run.gaps.length > 0) return `<strong>gaps</strong>`;
  return run.records_expected === null ? `${count(run.records)}, no end` : `${count(run.records_expected)}, all`;
}

function tokens({ input_tokens, input_missing, output_tokens, output_missing }: BundleRun): string {
  const of = (value: number | null, missing = 0): string => (value === null ? "–" : count(value) + unknown(missing));
  return `${of(input_tokens, input_missing)} / ${of(output_tokens, output_missing)}`;
}

function money({ cost_usd: usd, cost_missing }: BundleRun): string {
  return usd === null ? "–" : escaped(usd.replace(/(\.\d{4}\d*?)0+$/, "$1")) + unknown(cost_missing);
}

/** Behind a sum that is without some calls. Names in the page are escaped: nothing else ends so. */
const UNKNOWN = ">+?</sup>";
function unknown(missing = 0): string {
  return missing === 0 ? "" : `<sup title="without ${count(missing)} calls, of which it is not known"${UNKNOWN}`;
}

function fact(name: string, value: string): string {
  return `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>\n`;
}

function time(text: string): string {
  return escaped(`${text.slice(0, 10)} ${text.slice(11, 19)} UTC`);
}

/** Ids are anybody's text; an index is one's own. */
function anchor(run: BundleRun): string {
  const [first] = run.logs ?? [];
  return first === undefined ? `run-${run.first_index}` : `run-${first.shard}-${first.first_index}`;
}

function shortId(runId: string): string {
  return runId.length > 20 ? `${runId.slice(0, 12)}…` : runId;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  // Control characters, and those that turn the direction of text, are shown as what they are.
  return text
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
    .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
      character === "\n" || character === "\t"
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}
