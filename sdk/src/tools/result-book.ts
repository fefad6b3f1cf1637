import { type CallKeys, createCallKeys } from "./call-keys.ts";
import { ToolError } from "./tool-error.ts";

/** Of one run; a key that is forgotten is a thing that may be done twice. */
export const MAX_RESULTS = 10_000;

/** What a call with an idempotency key gave. */
export interface FirstResult {
  /** Span id of the call. */
  stepId: string;
  result: unknown;
}

/** As a checkpoint keeps it: `begun` and nothing more is a call that a process died in. */
export interface KeptResult {
  tool: string;
  key: string;
  first?: FirstResult | undefined;
  /** It may be begun anew. */
  failed?: true | undefined;
}

export interface BegunCall {
  /** It is about to be done: a process that dies after this leaves nobody who knows. */
  running(): void;
  succeeded(first: FirstResult): void;
  failed(): void;
}

/** The first results by idempotency key, of one run. */
export interface ResultBook {
  /** The first result, once it is there; undefined when nobody has begun, or who had has failed. */
  first(tool: string, key: string): Promise<FirstResult | undefined> | undefined;
  /** A process that died had begun it. */
  isUnknown(tool: string, key: string): boolean;
  /** Others with the key wait from now on. @throws ToolError `too_many_keys`. */
  begin(tool: string, key: string): BegunCall;
  /** As the checkpoint of that id keeps it. */
  kept(checkpointId: string): KeptResult[];
  /** Of calls without an idempotency key. */
  readonly callKeys: CallKeys;
  /** Told of each change from now on, before what follows it. */
  onChange(changed: (kept: KeptResult) => void): void;
}

/** @param from an earlier process of the run. */
export function createResultBook(from?: { id: string; results: readonly KeptResult[] }): ResultBook {
  const callKeys = createCallKeys(from?.id);
  const results = new Map<string, { kept?: KeptResult; pending: Promise<FirstResult | undefined> }>();
  const unknown = new Map<string, KeptResult>();
  let changed: (kept: KeptResult) => void = () => {};
  const idOf = (tool: string, key: string) => JSON.stringify([tool, key]);
  for (const one of from?.results ?? []) {
    const id = idOf(one.tool, one.key);
    unknown.delete(id);
    if (one.first !== undefined) results.set(id, { kept: one, pending: Promise.resolve(one.first) });
    else if (one.failed === undefined) unknown.set(id, { tool: one.tool, key: one.key });
  }

  return {
    first: (tool, key) => results.get(idOf(tool, key))?.pending,
    isUnknown: (tool, key) => unknown.has(idOf(tool, key)),
    begin(tool, key) {
      if (results.size >= MAX_RESULTS) {
        throw new ToolError(
          tool,
          "too_many_keys",
          `this run has used ${MAX_RESULTS} idempotency keys, and can't remember more`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<FirstResult | undefined>();
      const id = idOf(tool, key);
      results.set(id, { pending: promise });
      return {
        running() {
          unknown.delete(id);
          results.set(id, { kept: { tool, key }, pending: promise });
          changed({ tool, key });
        },
        succeeded(first) {
          results.set(id, { kept: { tool, key, first }, pending: promise });
          changed({ tool, key, first });
          resolve(first);
        },
        failed() {
          const isKept = results.get(id)?.kept !== undefined;
          results.delete(id);
          if (isKept) changed({ tool, key, failed: true });
          resolve(undefined);
        },
      };
    },
    callKeys,
    kept(checkpointId) {
      callKeys.checkpoint(checkpointId);
      // What an earlier process left unknown stays so for the next one, should this one die too.
      return [...unknown.values(), ...[...results.values()].flatMap((entry) => entry.kept ?? [])];
    },
    onChange(listener) {
      changed = listener;
    },
  };
}
