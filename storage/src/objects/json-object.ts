import { randomBytes } from "node:crypto";
import type { z } from "zod";
import { StorageError } from "../error.ts";

const MARK_BYTES = 8;

/** What a JSON object of the store says. @throws StorageError `damaged`, which names it, when that is nothing of its shape. */
export function parseJsonObject<Shape>(path: string, bytes: Uint8Array, shape: z.ZodType<Shape>): Shape {
  try {
    return shape.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StorageError("damaged", `${path} is damaged, restore it: ${why}`, error);
  }
}

/**
 * The JSON of a document in bytes that no other write has, for compare-and-set: S3's version of an object is a hash of its bytes, so where a document says again what
 * it said before, an attempt of then that arrives late would be taken for one of now. 64 random bits as spaces and tabs behind it, where JSON ignores them (RFC 8259,
 * section 2): every reader reads it as before.
 */
export function uniqueJson(document: unknown): Uint8Array {
  const bits = [...randomBytes(MARK_BYTES)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return Buffer.from(JSON.stringify(document) + bits.replaceAll("0", " ").replaceAll("1", "\t"));
}
