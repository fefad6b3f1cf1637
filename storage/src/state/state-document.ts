import type { z } from "zod";
import { StorageError } from "../error.ts";
import { parseJsonObject, uniqueJson } from "../objects/json-object.ts";
import type { Objects, ObjectVersion } from "../objects/objects.ts";

/** Others that write the same document at the same time win at most so often. */
const MAX_CONFLICTS = 20;

/** A small JSON document in the object store that several processes may change. */
export interface StateDocument<State> {
  read(): Promise<State>;
  /**
   * Writes what `change` makes of the state, unless that is the very same object. `change` may be called again with a newer state.
   * Durable when it resolves. A crash before leaves the state as it was.
   */
  update(change: (state: State) => State): Promise<State>;
}

/** @param initial the state before the first write. */
export function createStateDocument<State>(
  objects: Objects,
  path: string,
  schema: z.ZodType<State>,
  initial: State,
): StateDocument<State> {
  let last: Promise<unknown> = Promise.resolve();
  return {
    read: async () => (await load()).state,
    update(change) {
      // In turn within this process, so that compare-and-set meets only other processes.
      const next = last.then(() => write(change));
      last = next.catch(() => undefined);
      return next;
    },
  };

  async function load(): Promise<{ state: State; version: ObjectVersion | null }> {
    const found = await objects.readVersioned(path);
    if (found === null) return { state: initial, version: null };
    return { state: parseJsonObject(path, found.bytes, schema), version: found.version };
  }

  async function write(change: (state: State) => State): Promise<State> {
    for (let attempt = 1; ; attempt++) {
      const { state, version } = await load();
      const changed = change(state);
      if (changed === state) return state;
      try {
        await objects.compareAndSet(path, uniqueJson(changed), version);
        return changed;
      } catch (error) {
        const lost = error instanceof StorageError && error.code === "conflict";
        if (!lost || attempt === MAX_CONFLICTS) throw error;
      }
    }
  }
}
