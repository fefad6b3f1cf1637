import type { AttributeValue } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { canonicalJson, GEN_AI, RUNLEDGER } from "@runledger/contract";
import { classOf } from "./content-attributes.ts";
import { type Redaction, redactContent } from "./json-redactor.ts";
import type { ContentKey } from "./placeholder.ts";
import { redactBody } from "./stream-redactor.ts";
import { type Found, RedactionFailure, type RedactText } from "./text-redactor.ts";

export interface Covered {
  span: ReadableSpan;
  found: Found;
  /** Names of what is withheld. */
  withheld: string[];
  /** What content could not be looked through for: detectors and rules. */
  failed: string[];
}

export interface CoverParts {
  content: "redacted" | "hashes";
  key: ContentKey;
  redactText: RedactText;
}

/** Longer content is withheld: nobody waits for it to be looked through. */
const MAX_CONTENT_CHARS = 8_388_608;
/** For all content of a record. */
const MAX_WORK_MS = 2_000;
const ERROR_MESSAGE = "error.message";

/** The record as it may leave the process, with what was done to it told in attributes. What can't be looked through is withheld. */
export function coverRecord(span: ReadableSpan, parts: CoverParts): Covered {
  const work = createWork(parts);
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(span.attributes)) {
    const covered = value === undefined ? undefined : work.attribute(name, value, span);
    if (covered !== undefined) attributes[name] = covered;
  }
  const { message } = span.status;
  const status =
    message === undefined ? span.status : { ...span.status, message: work.content(ERROR_MESSAGE, message) ?? "" };
  const name = work.label("name", span.name);
  return {
    ...work.told,
    span: { ...span, name, status, attributes: { ...attributes, ...toldAttributes(parts, work) } },
  };
}

function createWork({ content, key, redactText }: CoverParts) {
  const told: Omit<Covered, "span"> = { found: {}, withheld: [], failed: [] };
  const hashes: string[] = [];
  const deadline = performance.now() + MAX_WORK_MS;
  const parts = { redactText, placeholder: key.placeholder };

  function withhold(name: string, text: string): undefined {
    told.withheld.push(name);
    hashes.push(`${name} ${Buffer.byteLength(text)} ${key.hash(sameText(name, text))}`);
    return undefined;
  }
  /** Undefined: it is withheld. What was found before a failure does not count. */
  function safely(name: string, text: string, redact: (redaction: Redaction) => string): string | undefined {
    const found: Found = {};
    try {
      if (text.length > MAX_CONTENT_CHARS) throw new RedactionFailure("size");
      if (performance.now() > deadline) throw new RedactionFailure("time");
      const result = redact({ attribute: name, found, deadline });
      for (const kind in found) told.found[kind] = (told.found[kind] ?? 0) + (found[kind] ?? 0);
      return result;
    } catch (error) {
      told.failed.push(error instanceof RedactionFailure ? error.rule : "unknown");
      return withhold(name, text);
    }
  }
  function label(name: string, text: string): string {
    return (
      safely(name, text, (redaction) => redactText(text, { attribute: name, path: [] }, redaction.found)) ??
      key.placeholder("withheld", text)
    );
  }
  function contentText(name: string, text: string): string | undefined {
    if (content === "hashes") return withhold(name, text);
    const redact = name === RUNLEDGER.rawResponse ? redactBody : redactContent;
    return safely(name, text, (redaction) => redact(text, redaction, parts));
  }
  function attribute(name: string, value: AttributeValue, span: ReadableSpan): AttributeValue | undefined {
    const kind = classOf(name);
    if (kind === "fact" || typeof value === "boolean") return value;
    if (typeof value === "number") {
      const text = String(value);
      if (kind === "label" || text.length < MIN_NUMBER_CHARS) return value;
      const covered = contentText(name, text);
      return covered === text ? value : covered;
    }
    if (typeof value === "string") {
      if (kind === "label") return label(name, value);
      if (name === RUNLEDGER.artifactContent && span.attributes[RUNLEDGER.artifactEncoding] === "base64")
        return bytes(name, value);
      return contentText(name, value);
    }
    const texts = (value as readonly unknown[]).map(String);
    if (kind === "content" && content === "hashes") return withhold(name, JSON.stringify(texts));
    return texts.map((text) => label(name, text));
  }
  /** Bytes that are text are looked through as that; a picture can't be. */
  function bytes(name: string, base64: string): string | undefined {
    if (content === "hashes") return withhold(name, base64);
    const text = textOf(base64);
    if (text === undefined) return base64;
    const covered = contentText(name, text);
    return covered === text || covered === undefined ? covered && base64 : Buffer.from(covered).toString("base64");
  }
  return { told, hashes, attribute, content: contentText, label };
}
const MIN_NUMBER_CHARS = 9;

function toldAttributes(
  { content }: CoverParts,
  { told, hashes }: ReturnType<typeof createWork>,
): Record<string, AttributeValue> {
  const found = Object.entries(told.found).map(([kind, count]) => `${kind} ${count}`);
  return {
    [RUNLEDGER.content]: content,
    ...(found.length === 0 ? {} : { [RUNLEDGER.contentRedacted]: found }),
    ...(hashes.length === 0 ? {} : { [RUNLEDGER.contentWithheld]: hashes }),
    ...(told.failed.length === 0 ? {} : { [RUNLEDGER.redactionFailed]: [...new Set(told.failed)] }),
  };
}

/** Arguments are the same call however they are written, as the collector has it. */
function sameText(name: string, text: string): string {
  if (name !== GEN_AI.toolCallArguments) return text;
  try {
    return canonicalJson(JSON.parse(text));
  } catch {
    return text;
  }
}

function textOf(base64: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));
  } catch {
    return undefined;
  }
}
