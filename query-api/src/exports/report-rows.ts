import type { BundleRun, RunledgerRecord } from "@runledger/contract";
import { count, detached, escaped, shortened } from "./html-text.ts";
import type { TrailLine } from "./step-words.ts";

/** Behind a sum that is without some calls. Names in the page are escaped: nothing else ends so. */
export const UNKNOWN = ">+?</sup>";

/** A run in the table of runs. Like all that is made here: of bounded length, whatever agents wrote. */
export function runRow(run: BundleRun): string {
  return detached(
    `<tr><td><a href="#${anchor(run)}">${escaped(shortId(run.run_id))}</a></td><td>${escaped(shortened(run.agent_name ?? "–"))}</td><td>${status(run)}</td><td>${time(run.start_time)}</td><td class="n">${count(run.steps)}</td><td class="n">${count(run.tool_calls)}</td><td class="n">${tokens(run)}</td><td class="n">${money(run)}</td><td>${completeness(run)}</td></tr>`,
  );
}

/** The beginning of a run's trail. */
export function trailHead(run: BundleRun): string {
  const { agent_name: agent, agent_version: version, task_type: task, user_id: user, session_id: session } = run;
  const who = [
    agent && `agent ${shortened(agent)}${version === null ? "" : ` ${shortened(version)}`}`,
    task && `task ${shortened(task)}`,
    user && `user ${shortened(user)}`,
    session && `session ${shortened(session)}`,
  ].filter((part) => part);
  const gaps = run.gaps.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
  return detached(`<article id="${anchor(run)}">
<h3>${escaped(run.run_id)} ${status(run)}</h3>
<p class="who">${escaped(who.join(" · "))}</p>
${gaps === "" ? "" : `<p class="warn">Records ${gaps} of this run are not here: withheld, or never arrived.</p>`}`);
}

export function trailItem({ time: at, index, shard, isError, sentence, quotes }: TrailLine): string {
  const quoted = quotes.map(({ label, text }) => `<blockquote><b>${escaped(label)}</b> ${escaped(text)}</blockquote>`);
  return detached(
    `<li${isError ? ' class="error"' : ""}><time>${escaped(at.slice(11, 23))}</time><div><p>${escaped(sentence)} <span class="index">[${shard === undefined ? "" : `${escaped(shard)} `}${index}]</span></p>${quoted.join("")}</div></li>`,
  );
}

export function actRow({ act, name, start_time }: RunledgerRecord): string {
  const [actor, action, reason, target] = [
    act?.actor.name ?? "unknown",
    act?.action ?? name,
    act?.reason ?? "–",
    JSON.stringify(act?.target ?? {}),
  ].map((text) => escaped(shortened(text)));
  return detached(
    `<tr><td class="w">${time(start_time)}</td><td class="w">${actor}</td><td class="w">${action}</td><td>${reason}</td><td class="code">${target}</td></tr>`,
  );
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

function unknown(missing = 0): string {
  return missing === 0 ? "" : `<sup title="without ${count(missing)} calls, of which it is not known"${UNKNOWN}`;
}

/** Ids are anybody's text; an index is one's own. */
function anchor(run: BundleRun): string {
  const [first] = run.logs ?? [];
  return first === undefined ? `run-${run.first_index}` : `run-${first.shard}-${first.first_index}`;
}

function shortId(runId: string): string {
  return runId.length > 20 ? `${runId.slice(0, 12)}…` : runId;
}

export function time(text: string): string {
  return escaped(`${text.slice(0, 10)} ${text.slice(11, 19)} UTC`);
}
