import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StepDetail } from "@runledger/contract";
import { expect } from "vitest";
import { linesToAdd, type Outcome, type RunSeen } from "./run-scenario.ts";

const PAGES = fileURLToPath(new URL("../../docs/integrations/", import.meta.url));
/** `DOCS=write`: brings the pages up to what came out, instead of failing. */
const WRITE = process.env["DOCS"] === "write";

/**
 * Checks that a page of docs/integrations has the lines of a scenario's docs region and the listing of the run that came out, each in a
 * fenced block after a line `<!-- lines: SCENARIO -->` or `<!-- run: SCENARIO -->`.
 */
export async function expectOnPage(page: string, scenario: string, outcome: Outcome): Promise<void> {
  const path = join(PAGES, page);
  const before = await readFile(path, "utf8");
  const toAdd = await linesToAdd(scenario);
  expect(installedBy(before)).toEqual(expect.arrayContaining(packagesIn(toAdd)));
  const lines = withBlock(before, `lines: ${scenario}`, toAdd);
  const after = withBlock(lines, `run: ${scenario}`, outcome.runs.map(listing).join("\n\n"));
  if (WRITE && after !== before) await writeFile(path, after);
  else expect(before).toBe(after);
}

/** What a page says to install, without versions. */
function installedBy(page: string): string[] {
  const lines = [...page.matchAll(/^npm install (.+)$/gm)].flatMap(([, names = ""]) => names.split(" "));
  return lines.map((name) => name.replace(/(?<=.)@.*/, ""));
}

/** The packages that JavaScript imports. */
function packagesIn(lines: string): string[] {
  const imported = lines.matchAll(/(?: from |\brequire\()"((?:@[^/"]+\/)?[\w][^/"]*)/g);
  return [...imported].map(([, name = ""]) => name);
}

function withBlock(page: string, name: string, content: string): string {
  const marker = `<!-- ${name} -->\n`;
  const at = page.indexOf(marker);
  const block = /^(```\w*\n)[\s\S]*?^```$/m.exec(page.slice(at + marker.length));
  if (at < 0 || block?.index !== 0) throw new Error(`the page has no fenced block after ${marker}`);
  const end = at + marker.length + block[0].length;
  return `${page.slice(0, at)}${marker}${block[1]}${content}\n\`\`\`${page.slice(end)}`;
}

/** A run in words, without what differs each time: times, ids. */
export function listing({ run, steps }: RunSeen): string {
  const known = (count: number | null) => (count === null ? "unknown" : String(count));
  const head = [
    run.status,
    `agent ${run.agent.name ?? "unknown"}`,
    `${run.llm_calls} model calls`,
    `${run.tool_call_count} tool calls`,
    `tokens ${known(run.input_tokens)} in, ${known(run.output_tokens)} out`,
    `$${run.cost_usd ?? " unknown"}`,
  ];
  return [head.join(" · "), ...treeOf(steps)].join("\n");
}

/**
 * Steps below their parents; those that began in the same millisecond by their names, tools before the model call that is given their results, and an inferred
 * call first, since nothing else tells their order.
 */
function treeOf(steps: readonly StepDetail[]): string[] {
  const ids = new Set(steps.map(({ step_id }) => step_id));
  const placeOf = (tool: StepDetail["tool"]) => (tool === null ? 2 : tool.inferred ? 0 : 1);
  const order = ({ start_time, name, tool }: StepDetail) =>
    `${start_time.slice(0, "2026-01-01T00:00:00.000".length)} ${placeOf(tool)} ${name}`;
  const inOrder = steps.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  const childrenOf = (parentId: string | null) =>
    inOrder.filter(({ parent_id: parent }) => (ids.has(parent ?? "") ? parent : null) === parentId);
  const below = (parentId: string | null, depth: number): string[] =>
    sideBySide(guardrailsBehind(childrenOf(parentId))).flatMap((step) => [
      `${"  ".repeat(depth)}${stepLine(step)}`,
      ...below(step.step_id, depth + 1),
    ]);
  return below(null, 1);
}

/** A guardrail runs beside what it guards, and which of the two starts first is chance. */
function guardrailsBehind(steps: readonly StepDetail[]): StepDetail[] {
  const startOf = ({ start_time }: StepDetail) => Date.parse(start_time);
  const placeOf = (step: StepDetail) => {
    if (step.kind !== "guardrail") return startOf(step);
    const beside = steps.filter((other) => startOf(other) <= startOf(step) + (step.latency_ms ?? 0) + 1);
    return Math.max(...beside.map(startOf)) + 0.5;
  };
  return steps.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** Calls of one tool after one another were asked for at once, and start in any order. */
function sideBySide(steps: readonly StepDetail[]): StepDetail[] {
  const groups: StepDetail[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (last?.[0]?.kind === "tool" && step.kind === "tool" && last[0].name === step.name) last.push(step);
    else groups.push([step]);
  }
  return groups.flatMap((group) => group.sort((a, b) => (stepLine(a) < stepLine(b) ? -1 : 1)));
}

function stepLine({ kind, name, status, llm, output_preview, input_preview, error }: StepDetail): string {
  const words = [`${kind} ${name}`];
  if (llm !== null) words.push(`${llm.input_tokens ?? "?"} in, ${llm.output_tokens ?? "?"} out`);
  if (status === "error") words.push(`failed: ${error?.type ?? "error"}`);
  const short = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text).replace(/\s+/g, " ");
  if (input_preview !== "" || output_preview !== "") words.push(`${short(input_preview)} → ${short(output_preview)}`);
  return words.join(" · ");
}
