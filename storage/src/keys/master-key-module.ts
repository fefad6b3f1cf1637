import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { StorageError } from "../error.ts";
import type { MasterKey } from "./master-key.ts";

const ANSWER_MS = 15_000;
const MAX_ID_CHARS = 512;

/**
 * The master key of a driver: a module of the user's whose default export makes a `MasterKey`, at once or by a promise. Loaded once in each thread and process;
 * what it makes is asked within `answerMs`. @throws StorageError `rejected` for what is no driver, `unavailable` when it fails, or does not answer in time.
 */
export async function openMasterKeyModule(path: string, answerMs: number = ANSWER_MS): Promise<MasterKey> {
  const driver = `the master key's driver ${path}`;
  if (!isFile(path)) throw new StorageError("rejected", `${driver}: there is no such file`);
  const imported = await answerOf(
    `${driver} can't be loaded`,
    "rejected",
    answerMs,
    () => import(pathToFileURL(path).href),
  );
  const make: unknown = imported.default;
  if (typeof make !== "function")
    throw new StorageError("rejected", `${driver} has no default export that is a function and makes a MasterKey`);
  const made: unknown = await answerOf(`${driver} makes no master key`, "unavailable", answerMs, async () => make());
  if (!isMasterKey(made))
    throw new StorageError(
      "rejected",
      `${driver} makes no master key: { id: a text of 1 to ${MAX_ID_CHARS} characters, wrap(secret, context), unwrap(wrapped, context) } is expected`,
    );
  return boundedKey(made, driver, answerMs);
}

function isMasterKey(made: unknown): made is MasterKey {
  const { id, wrap, unwrap } = Object(made);
  const isNamed = typeof id === "string" && id.length > 0 && id.length <= MAX_ID_CHARS;
  return isNamed && typeof wrap === "function" && typeof unwrap === "function";
}

function boundedKey(made: MasterKey, driver: string, answerMs: number): MasterKey {
  const ask = async (call: "wrap" | "unwrap", bytes: Uint8Array, context: string): Promise<Uint8Array> => {
    // A copy: what a driver does with its argument is none of ours.
    const work = async () => made[call](Uint8Array.from(bytes), context);
    const answer: unknown = await answerOf(`${driver}: ${call} failed`, "unavailable", answerMs, work);
    if (answer instanceof Uint8Array && answer.length > 0) return answer;
    throw new StorageError("rejected", `${driver}: ${call} must give a Uint8Array with something in it`);
  };
  return {
    id: made.id,
    async wrap(secret, context) {
      const wrapped = await ask("wrap", secret, context);
      // What it could not open again would take all contents with it.
      const opened = await ask("unwrap", wrapped, context);
      if (Buffer.compare(opened, secret) === 0) return wrapped;
      throw new StorageError(
        "rejected",
        `${driver}: unwrap does not give what wrap was given, so nothing is wrapped by it`,
      );
    },
    unwrap: (wrapped, context) => ask("unwrap", wrapped, context),
  };
}

/** @throws StorageError of `code` when it fails, `unavailable` when it takes longer. */
async function answerOf<Answer>(
  what: string,
  code: "rejected" | "unavailable",
  answerMs: number,
  work: () => Promise<Answer>,
): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new StorageError("unavailable", `${what}: no answer within ${answerMs / 1_000} s; try again`);
    timer = setTimeout(() => reject(error), answerMs);
  });
  const failed = (cause: unknown): never => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(code, `${what}: ${why}`, cause);
  };
  return await Promise.race([work().catch(failed), late]).finally(() => clearTimeout(timer));
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // there is none, or none for us
  }
}
