import { randomBytes } from "node:crypto";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Config, Redact } from "../config.ts";
import { type FailureKind, type Failures, type FailureWords, plainWords } from "../failures.ts";
import { createDetectors } from "./detectors.ts";
import { redactContent } from "./json-redactor.ts";
import { loadLibraries } from "./libraries.ts";
import { createContentKey } from "./placeholder.ts";
import { coverRecord } from "./record-cover.ts";
import { prepareRule } from "./rules.ts";
import { type LineSeal, PLAIN_LINES, sealedLines } from "./sealed-lines.ts";
import { createTextRedactor, type Found } from "./text-redactor.ts";

/** What of content may leave the process, by the settings. Each way out asks here: records, questions to people, checkpoints on disk, our own warnings. */
export interface Privacy {
  /** Never throws: at worst nothing of the content is left. */
  cover(span: ReadableSpan, failures: Failures): ReadableSpan;
  /** What people are told who are asked for approval. */
  question(asked: Question): Question;
  words: FailureWords;
  /** Of checkpoints on disk; undefined: they must not be there. */
  seal: LineSeal | undefined;
  stats(): ContentStats;
}
export interface Question {
  tool: string;
  agent?: string | undefined;
  callId?: string | undefined;
  place?: string | undefined;
  question: string;
  /** JSON text. */
  arguments: string;
}

export interface ContentStats {
  mode: Config["content"];
  /** How many of each kind were found and replaced, by kind: email, phone, card, iban, national_id, key, and your own rules. */
  redacted: Record<string, number>;
  /** Contents of which only hash and size went out. */
  withheld: number;
  /** Those of them that could not be looked through. */
  failed: number;
}

/** @throws Error when a library is missing that the setting needs, or a rule can't be one. */
export function createPrivacy(
  { content, contentKey }: Pick<Config, "content" | "contentKey">,
  { rules = [], countries = ["US"] }: Redact = {},
): Privacy {
  const stats: ContentStats = { mode: content, redacted: {}, withheld: 0, failed: 0 };
  if (content === "full") return everything(stats);
  const key = createContentKey(contentKey ?? randomBytes(KEY_BYTES));
  const { placeholder } = key;
  const detectors = createDetectors(loadLibraries(), countries);
  const prepared = rules.map((rule) => prepareRule(rule, placeholder));
  const redactText = createTextRedactor({ detectors, rules: prepared, placeholder });

  /** Undefined: it could not be looked through. */
  function redacted(text: string, attribute: string): string | undefined {
    try {
      const deadline = performance.now() + MAX_WORK_MS;
      return redactContent(text, { attribute, found: {}, deadline }, { redactText, placeholder });
    } catch {
      return undefined;
    }
  }
  return {
    cover(span, failures) {
      const { span: covered, found, withheld, failed } = coverRecord(span, { content, key, redactText });
      addTo(stats.redacted, found);
      stats.withheld += withheld.length;
      stats.failed += failed.length;
      for (const rule of failed) failures.report("redaction", new Error(`content is withheld: ${rule} failed`));
      return covered;
    },
    question({ tool, agent, callId, place, question, arguments: args }) {
      const shown = content === "hashes" ? undefined : redacted(args, "approval.arguments");
      const words = content === "hashes" ? undefined : redacted(question, "approval.question");
      const withheld = { withheld: { size_bytes: Buffer.byteLength(args), hash: key.hash(args) } };
      const label = (text: string | undefined) =>
        text === undefined ? undefined : (redacted(text, "approval") ?? placeholder("withheld", text));
      const shownTool = label(tool) ?? "";
      return {
        tool: shownTool,
        agent: label(agent),
        callId: label(callId),
        place: label(place),
        arguments: shown ?? JSON.stringify(withheld),
        question: words ?? `May ${shownTool} be called? The agent's settings withhold the arguments.`,
      };
    },
    words(kind, error) {
      if (content === "hashes" && MAY_QUOTE.has(kind)) return `${nameOf(error)}, its words withheld`;
      return redacted(plainWords(kind, error), "log") ?? `${nameOf(error)}, its words withheld`;
    },
    seal: contentKey === undefined ? undefined : sealedLines(contentKey),
    stats: () => ({ ...stats, redacted: { ...stats.redacted } }),
  };
}
const KEY_BYTES = 32;
const MAX_WORK_MS = 2_000;

/** Failures whose words may hold a piece of what failed: a parser's of its text, an API's of what it was sent. */
const MAY_QUOTE: ReadonlySet<FailureKind> = new Set(["capture", "record", "callback", "control", "rejected", "spool"]);

function everything(stats: ContentStats): Privacy {
  return {
    cover: (span) => span,
    question: (asked) => asked,
    words: plainWords,
    seal: PLAIN_LINES,
    stats: () => ({ ...stats, redacted: {} }),
  };
}

function addTo(sums: Found, found: Found): void {
  for (const kind in found) sums[kind] = (sums[kind] ?? 0) + (found[kind] ?? 0);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}
