import type { z } from "zod";
import { StorageError } from "../error.ts";

/** What a JSON object of the store says. @throws StorageError `damaged`, which names it, when that is nothing of its shape. */
export function parseJsonObject<Shape>(path: string, bytes: Uint8Array, shape: z.ZodType<Shape>): Shape {
  try {
    return shape.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StorageError("damaged", `${path} is damaged, restore it: ${why}`, error);
  }
}
