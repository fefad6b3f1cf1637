import { createHash } from "node:crypto";
import type { LlmFacts } from "@runledger/contract";
import { z } from "zod";
import { providerId } from "./price-table.ts";

/** USD for a million tokens; 0 is a price, of a model of one's own. */
const perMillion = z.number().min(0).max(9_000);

const modelOverride = z
  .strictObject({
    /** As the telemetry says it or as the price table does; absent: any. */
    provider: z.string().min(1).optional(),
    /** Exactly one of the three, compared without regard to case. */
    model: z.string().min(1).optional(),
    model_prefix: z.string().min(1).optional(),
    /** A regular expression, found anywhere in the name. */
    model_pattern: z.string().min(1).optional(),
    input: perMillion.optional(),
    output: perMillion.optional(),
    /** Absent: as `input`. */
    cache_read: perMillion.optional(),
    cache_write: perMillion.optional(),
    context_window: z.number().int().positive().optional(),
  })
  .superRefine((entry, issues) => {
    const fault = (message: string, ...path: string[]) => void issues.addIssue({ code: "custom", message, path });
    const names = [entry.model, entry.model_prefix, entry.model_pattern].filter((name) => name !== undefined);
    if (names.length !== 1) fault("give one of model, model_prefix and model_pattern");
    if (entry.model_pattern !== undefined && !isPattern(entry.model_pattern))
      fault("is no regular expression", "model_pattern");
    const { input, output, cache_read, cache_write, context_window } = entry;
    if (input !== undefined) return;
    if ((output ?? cache_read ?? cache_write) !== undefined) fault("is missing", "input");
    else if (context_window === undefined) fault("give prices or a context_window");
  });

const overridesFile = z.strictObject({
  /** The table's name on every record that it prices. */
  name: z.string().trim().min(1).max(200),
  /** Absent: the first 12 hex digits of the file's sha256. */
  version: z.string().trim().min(1).max(200).optional(),
  /** The first one that fits a call and has what is asked for, a price or a context window, gives it. */
  models: z.array(modelOverride).min(1).max(10_000),
});

/** A user's own prices as settings hand them on. Shape: `docs/prices.md`. */
export const priceOverrides = overridesFile.required({ version: true });
export type PriceOverrides = z.infer<typeof priceOverrides>;
export type ModelOverride = PriceOverrides["models"][number];

/** Reads a file of prices. Returns every fault of it, or the prices. */
export function parsePriceOverrides(file: Uint8Array): { overrides: PriceOverrides } | { faults: string[] } {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file));
  } catch (error) {
    return { faults: [`is no JSON text: ${error instanceof Error ? error.message : String(error)}`] };
  }
  const parsed = overridesFile.safeParse(json);
  if (!parsed.success)
    return { faults: parsed.error.issues.map((issue) => `${pathText(issue.path)}: ${issue.message}`) };
  const version = parsed.data.version ?? createHash("sha256").update(file).digest("hex").slice(0, 12);
  return { overrides: { ...parsed.data, version } };
}

/** All entries that fit a call by either of its model names, in the file's order. */
export function createOverrideFinder(overrides: PriceOverrides): (llm: LlmFacts) => ModelOverride[] {
  const entries = overrides.models.map((entry) => ({ entry, fits: nameTest(entry), provider: entry.provider }));
  return (llm) => {
    const names = [llm.response_model, llm.request_model].filter((name) => name !== null);
    return entries
      .filter(
        ({ provider, fits }) => names.some(fits) && (provider === undefined || isProvider(provider, llm.provider)),
      )
      .map(({ entry }) => entry);
  };
}

function nameTest(entry: ModelOverride): (name: string) => boolean {
  if (entry.model_pattern !== undefined) {
    const pattern = new RegExp(entry.model_pattern, "i");
    return (name) => pattern.test(name);
  }
  const prefix = entry.model_prefix?.toLowerCase();
  if (prefix !== undefined) return (name) => name.toLowerCase().startsWith(prefix);
  const exact = entry.model?.toLowerCase();
  return (name) => name.toLowerCase() === exact;
}

function isProvider(wanted: string, given: string | null): boolean {
  if (given === null) return false;
  return wanted.toLowerCase() === given.toLowerCase() || providerId(wanted) === providerId(given);
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, "i") instanceof RegExp;
  } catch {
    return false;
  }
}

/** `models[3].input` */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text.replace(/^\./, "") || "the file";
}
