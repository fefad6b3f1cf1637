import { randomBytes } from "node:crypto";
import type { Config, Redact } from "../config.ts";
import type { Told } from "../conversion/raw-record.ts";
import { type FailureKind, type FailureWords, plainWords } from "../failures.ts";
import { createRedactor, type Redactor } from "./cover.ts";
import { redactContent } from "./json-redactor.ts";
import { requireLibraries } from "./libraries.ts";
import { createContentKey } from "./placeholder.ts";
import { type CoverSettings, prepareRule } from "./rules.ts";
import { type LineSeal, PLAIN_LINES, sealedLines } from "./sealed-lines.ts";

/** What of content may leave the process, by the settings. Each way out asks here: records, questions to people, checkpoints on disk, our own warnings. */
export interface Privacy {
  /** For the conversion of records, on whichever thread. */
  cover: CoverSettings;
  /** What a conversion found; counted once it is done for good. */
  count(told: Pick<Told, "found" | "withheld" | "unreadable">): void;
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
  // Nothing of theirs but what is known: the other thread gets a copy.
  const known = rules.map(({ name, attribute, path, match, redact }) => ({ name, attribute, path, match, redact }));
  const cover: CoverSettings = { content, key: contentKey ?? randomBytes(KEY_BYTES), rules: known, countries };
  const count: Privacy["count"] = ({ found, withheld, unreadable }) => {
    for (const kind in found) stats.redacted[kind] = (stats.redacted[kind] ?? 0) + (found[kind] ?? 0);
    stats.withheld += withheld;
    stats.failed += unreadable;
  };
  if (content === "full") return everything(cover, count, stats);
  const key = createContentKey(cover.key);
  const { placeholder } = key;
  for (const rule of rules) prepareRule(rule, placeholder);
  requireLibraries();
  let redactor: Redactor | undefined;

  /** Undefined: it could not be looked through. */
  function redacted(text: string, attribute: string): string | undefined {
    try {
      redactor ??= createRedactor(cover);
      const { redactText } = redactor;
      const deadline = performance.now() + MAX_WORK_MS;
      return redactContent(text, { attribute, found: {}, deadline }, { redactText, placeholder });
    } catch {
      return undefined;
    }
  }
  return {
    cover,
    count,
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

function everything(cover: CoverSettings, count: Privacy["count"], stats: ContentStats): Privacy {
  return {
    cover,
    count,
    question: (asked) => asked,
    words: plainWords,
    seal: PLAIN_LINES,
    stats: () => ({ ...stats, redacted: {} }),
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}
