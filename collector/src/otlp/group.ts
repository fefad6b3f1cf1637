import type { Resource, Scope } from "./otlp.ts";

/** What one scope of one resource sent of a signal. */
export interface Group<Item> {
  readonly resource: Resource | null;
  readonly resourceSchemaUrl: string;
  readonly scope: Scope | null;
  readonly scopeSchemaUrl: string;
  readonly items: readonly Item[];
  /** For each item that could not be decoded, why. */
  readonly undecodable: readonly string[];
}
