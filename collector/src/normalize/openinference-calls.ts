import type { MessagePart } from "@runledger/contract";
import { hasLongNumber } from "./long-number.ts";

/** Arguments that came as text, as what they say; text that is no JSON, or with numbers that would lose digits, stays text. */
export function argumentsOf(value: unknown): unknown {
  if (typeof value !== "string" || hasLongNumber(value)) return value;
  if (isSeveral(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // the model wrote no JSON; what it wrote is the fact
  }
}

/** The arguments of several calls end to end, which are no JSON: an exception for them would cost more than to look. */
export function isSeveral(text: string): boolean {
  return text.includes("}{") && (objectsIn(text)?.length ?? 0) > 1;
}

/** Calls that a model asks for at once; more than any has been seen to. */
const MAX_MERGED = 64;

/**
 * The parallel calls of a streamed answer, which the instrumentation of the OpenAI client writes into one call: ids, names and arguments end to end.
 * null where they can't be told apart beyond doubt: then it stays as it was sent.
 */
export function mergedCalls(call: MessagePart, offeredTools: readonly string[]): MessagePart[] | null {
  const { id, name, arguments: given } = call;
  if (typeof given !== "string" || typeof id !== "string" || typeof name !== "string") return null;
  const pieces = objectsIn(given);
  if (pieces === null || pieces.length < 2) return null;
  const ids = equalParts(id, pieces.length);
  const names = namesIn(name, offeredTools, pieces.length);
  if (ids === null || names === null) return null;
  return pieces.map((piece, at) => ({ ...call, id: ids[at], name: names[at], arguments: argumentsOf(piece) }));
}

/** The JSON objects that stand end to end in a text, null when there is anything else. */
function objectsIn(text: string): string[] | null {
  const objects: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
    } else if (character === "{") depth += 1;
    else if (character === "}" && --depth === 0) {
      objects.push(text.slice(from, at + 1));
      from = at + 1;
      if (objects.length > MAX_MERGED) return null;
    }
  }
  return text.slice(from).trim() === "" && objects.every(isObject) ? objects : null;
}

function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

function isObject(text: string): boolean {
  return typeof argumentsOf(text) === "object" || hasLongNumber(text);
}

/** Ids of one provider begin alike and are of one length. */
function equalParts(ids: string, count: number): string[] | null {
  const length = ids.length / count;
  if (!Number.isInteger(length)) return null;
  const parts = Array.from({ length: count }, (_, at) => ids.slice(at * length, (at + 1) * length));
  const prefix = /^[a-z]+[_-]/i.exec(parts[0] ?? "")?.[0];
  const told = prefix !== undefined && parts.every((part) => part.startsWith(prefix)) && new Set(parts).size === count;
  return told ? parts : null;
}

/** The names of offered tools that make up a text, when there is one way only. */
function namesIn(text: string, offered: readonly string[], count: number): string[] | null {
  const candidates = [...new Set(offered)].filter((name) => name !== "");
  const known = new Map<string, string[][]>();
  // at most two ways each: the second one says that there is doubt
  const waysFrom = (at: number, left: number): string[][] => {
    if (left === 0) return at === text.length ? [[]] : [];
    const key = `${at} ${left}`;
    const found =
      known.get(key) ??
      candidates
        .filter((name) => text.startsWith(name, at))
        .flatMap((name) => waysFrom(at + name.length, left - 1).map((names) => [name, ...names]))
        .slice(0, 2);
    known.set(key, found);
    return found;
  };
  const [only, other] = waysFrom(0, count);
  return only !== undefined && other === undefined ? only : null;
}
