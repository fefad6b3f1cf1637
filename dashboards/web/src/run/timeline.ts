import type { Step } from "@runledger/contract";
import { epochMs } from "../format/time.ts";

/** A step at its place in the waterfall. */
export interface TimelineRow {
  step: Step;
  depth: number;
  /** Milliseconds from the timeline's start. */
  startMs: number;
  /** Set when the same tool was called with the same arguments more than once. */
  repeat: { nth: number; of: number } | null;
}

export interface Timeline {
  rows: TimelineRow[];
  startMs: number;
  /** At least 1. */
  lengthMs: number;
  /** The most repeated calls first. */
  repeats: { tool: string; count: number; firstStepId: string }[];
}

/** Steps below their parents, each in order of `seq`. A parent that isn't among the steps, or a circle of parents, is read as no parent. */
export function createTimeline(steps: Step[], runStart: string): Timeline {
  const startMs = Math.min(epochMs(runStart), steps[0] ? epochMs(steps[0].start_time) : Number.POSITIVE_INFINITY);
  const repeats = countRepeats(steps);
  let endMs = startMs + 1;
  const rows = nested(steps).map(({ step, depth }): TimelineRow => {
    const start = epochMs(step.start_time);
    endMs = Math.max(endMs, start + (step.latency_ms ?? 0));
    return { step, depth, startMs: start - startMs, repeat: repeats.places.get(step.record_id) ?? null };
  });
  return { rows, startMs, lengthMs: endMs - startMs, repeats: repeats.groups };
}

function nested(steps: Step[]): { step: Step; depth: number }[] {
  const ids = new Set(steps.map((step) => step.step_id));
  const children = new Map<string, Step[]>();
  const roots: Step[] = [];
  for (const step of steps) {
    const parent = step.parent_id;
    if (parent === null || parent === step.step_id || !ids.has(parent)) roots.push(step);
    else if (children.has(parent)) children.get(parent)?.push(step);
    else children.set(parent, [step]);
  }
  const rows: { step: Step; depth: number }[] = [];
  const placed = new Set<string>();
  // An explicit stack: a hostile run may nest deeper than calls can.
  const place = (from: Step[]) => {
    const stack = from.map((step) => ({ step, depth: 0 })).reverse();
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (placed.has(next.step.record_id)) continue;
      placed.add(next.step.record_id);
      rows.push(next);
      const depth = next.depth + 1;
      for (const step of (children.get(next.step.step_id) ?? []).toReversed()) stack.push({ step, depth });
    }
  };
  place(roots);
  if (rows.length < steps.length) place(steps.filter((step) => !placed.has(step.record_id)));
  return rows;
}

function countRepeats(steps: Step[]) {
  const groups = new Map<string, Step[]>();
  for (const step of steps) {
    if (!step.tool?.arguments_sha256 || !step.tool.counted) continue;
    const key = `${step.tool.arguments_sha256} ${step.tool.name}`;
    const group = groups.get(key);
    if (group) group.push(step);
    else groups.set(key, [step]);
  }
  const places = new Map<string, { nth: number; of: number }>();
  const repeats: Timeline["repeats"] = [];
  for (const [first, ...rest] of groups.values()) {
    if (!first?.tool || rest.length === 0) continue;
    const of = rest.length + 1;
    for (const [index, step] of [first, ...rest].entries()) places.set(step.record_id, { nth: index + 1, of });
    repeats.push({ tool: first.tool.name, count: of, firstStepId: first.step_id });
  }
  return { places, groups: repeats.sort((a, b) => b.count - a.count) };
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const CLOCK_STEPS_MS = [
  15_000,
  30_000,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE_MS),
  ...[1, 2, 6, 12, 24].map((n) => n * HOUR_MS),
];

/** A round distance for the marks of an axis of this length: about 3 to 6 of them. */
export function axisStep(lengthMs: number): number {
  const rough = lengthMs / 5;
  if (rough > 10_000) return CLOCK_STEPS_MS.find((size) => size >= rough) ?? rough;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
}

/** Where the marks stand; none so close to the end that its label has no room. */
export function axisMarks(lengthMs: number): number[] {
  const step = axisStep(lengthMs);
  return Array.from({ length: Math.ceil((lengthMs * 0.9) / step) }, (_, index) => index * step);
}

/** How the address names a step. Versions of a step in conflict share the step id, so theirs is the record's. */
export function addressOf(step: Step): string {
  return step.conflict ? step.record_id : step.step_id;
}

/** The row that an address names, -1 when there is none (yet). */
export function findRow(rows: TimelineRow[], address: string | undefined): number {
  if (address === undefined) return -1;
  const exact = rows.findIndex(({ step }) => addressOf(step) === address);
  return exact >= 0 ? exact : rows.findIndex(({ step }) => step.step_id === address);
}
