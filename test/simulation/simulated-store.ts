import { type Objects, StorageError } from "@runledger/storage";
import { createMemoryObjects, type MemoryObjects } from "../writers/memory-objects.ts";
import type { Life, World } from "./world.ts";

export interface StoreSettings {
  /** Of a request: it does not arrive, its answer does not, or it arrives when its sender has given up. */
  failing: () => number;
  /** Deliberately wrong: what is staged is not written, or compare-and-set does not compare. */
  broken: "staging" | "compare" | null;
  /** Told of each write that was done. */
  onWrite: (path: string, bytes: Uint8Array) => void;
}

export interface SimulatedStore {
  readonly objects: MemoryObjects;
  /** As a process on a machine sees it, over a network. */
  as(life: Life): Objects;
}

const CALLS = ["create", "replace", "compareAndSet", "delete", "read", "readRange", "readVersioned"] as const;

/** An object store that is strict, over a network that is not. What was sent before its sender died may arrive, long after too. */
export function createSimulatedStore(world: World, { failing, broken, onWrite }: StoreSettings): SimulatedStore {
  const objects = createMemoryObjects();
  const truly = { ...objects };
  for (const name of ["create", "replace", "compareAndSet"] as const) {
    const write = objects[name] as (...given: unknown[]) => Promise<unknown>;
    Object.assign(truly, {
      [name]: async (path: string, bytes: Uint8Array, expected: unknown) => {
        if (broken === "staging" && path.includes("/staging/")) return "unwritten";
        if (broken === "compare" && name === "compareAndSet") {
          const found = await objects.readVersioned(path);
          await write(path, bytes, found?.version ?? null);
        } else await write(path, bytes, expected);
        onWrite(path, bytes);
        return (await objects.readVersioned(path))?.version;
      },
    });
  }

  const overNetwork =
    (life: Life, call: (...given: unknown[]) => Promise<unknown>) =>
    (...given: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void => {
          if (life.alive) reject(new StorageError("unavailable", why));
        };
        const answer = (tell: () => void): void =>
          world.later(() => {
            if (life.alive) tell();
          });
        const arrive = (isHeard: boolean): void => {
          call(...given).then(
            (result) => isHeard && answer(() => resolve(result)),
            (error: unknown) => isHeard && answer(() => reject(error)),
          );
        };
        world.later(() => {
          const fate = world.random() / failing();
          if (fate >= 1) return arrive(true);
          if (fate < 0.34) return fail("lost");
          if (fate < 0.67) arrive(false);
          else afterSome(world, world.below(30), () => arrive(false));
          fail("no answer");
        });
      });
  return {
    objects,
    as: (life) => {
      const seen: Objects = { ...objects };
      for (const name of CALLS)
        Object.assign(seen, { [name]: overNetwork(life, truly[name] as (...given: unknown[]) => Promise<unknown>) });
      return seen;
    },
  };
}

/** Not before so many other things could happen. */
function afterSome(world: World, rest: number, happen: () => void): void {
  world.later(() => (rest > 0 ? afterSome(world, rest - 1, happen) : happen()));
}
