import { createHash } from "node:crypto";
import { canonicalJson } from "@runledger/contract";
import { z } from "zod";
import { invalidField } from "../error.ts";

const HINT = "use next_cursor of the page before, with the same filter and order";

/**
 * A place in a list: the sort key of the last item, its tie breaker, and the moment of the first page.
 * It belongs to one question, so that a cursor of another list is refused and not misread.
 */
const cursorContent = z.strictObject({ question: z.string(), after: z.array(z.string()), as_of: z.number().int() });
export interface Cursor {
  after: string[];
  asOfMs: number;
}

export function encodeCursor(question: object, cursor: Cursor): string {
  const content = { question: fingerprint(question), after: cursor.after, as_of: cursor.asOfMs };
  return Buffer.from(JSON.stringify(content)).toString("base64url");
}

/** @param shape what each key of `after` looks like. @throws QueryApiError naming `cursor` when it isn't one of this question's. */
export function decodeCursor(question: object, text: string, shape: readonly RegExp[]): Cursor {
  const parsed = cursorContent.safeParse(jsonOf(text));
  if (!parsed.success) throw invalidField("cursor", "not a cursor", HINT);
  const { question: asked, after, as_of } = parsed.data;
  if (asked !== fingerprint(question)) throw invalidField("cursor", "belongs to another filter or order", HINT);
  if (after.length !== shape.length || !after.every((key, i) => shape[i]?.test(key))) {
    throw invalidField("cursor", "not a cursor", HINT);
  }
  return { after, asOfMs: as_of };
}

function fingerprint(question: object): string {
  return createHash("sha256").update(canonicalJson(question)).digest("base64url").slice(0, 16);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return null; // not JSON: the schema refuses null, and the caller is told
  }
}
