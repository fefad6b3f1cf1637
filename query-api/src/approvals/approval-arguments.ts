import { randomUUID } from "node:crypto";
import { openPayload, runSubject, SALT_BYTES, sealPayload } from "@runledger/contract";
import { type Keyring, monthPrefix, type Objects } from "@runledger/storage";
import { APPROVAL_ARGUMENTS_PREFIX, argumentsPath, type KeptApproval } from "./approval-book.ts";

const MEDIA_TYPE = "application/vnd.runledger.approval-arguments";

type Asked = Pick<KeptApproval, "approval_id" | "run_id">;

/** The arguments of requests: content, so sealed under their run's data key, which an erasure of the run or of its person destroys. */
export interface ApprovalArguments {
  /** Durable when it resolves. Null `keyId`: nothing is ever sealed here. */
  keep(tenant: string, request: Asked, text: string): Promise<{ path: string; keyId: string | null }>;
  /** Null: none were given, or they are erased. */
  read(one: KeptApproval): Promise<string | null>;
  forget(one: Pick<KeptApproval, "arguments_path">): Promise<void>;
  /** Removes what no request names and none did at the last call either: a crash, or a request that was refused, left it. @returns how many. */
  sweep(kept: readonly KeptApproval[]): Promise<number>;
}

export function createApprovalArguments(
  objects: Objects,
  keyring: Keyring | null,
  clock: () => number,
): ApprovalArguments {
  const writer = keyring?.writer() ?? null;
  let lastGiven: Promise<unknown> = Promise.resolve();
  let unnamed = new Set<string>();

  /** The writer takes one caller at a time. */
  async function keyFor(tenant: string, runId: string) {
    const month = monthPrefix(new Date(clock()).toISOString());
    const given = lastGiven.then(() => writer?.keysFor([{ subject: runSubject(tenant, runId), month }]));
    lastGiven = given.catch(() => undefined);
    return (await given)?.[0] ?? null;
  }

  return {
    async keep(tenant, request, text) {
      // Written once, under a name of its own: a removal that is late, or a sweep at the same moment, never means what was kept since.
      const path = argumentsPath(tenant, `${request.approval_id}-${randomUUID()}`);
      const key = await keyFor(tenant, request.run_id);
      const plaintext = Buffer.from(text);
      await objects.create(path, key === null ? plaintext : sealPayload(key.dek, MEDIA_TYPE, plaintext).stored);
      return { path, keyId: key?.keyId ?? null };
    },
    async read({ arguments_path, arguments_key_id }) {
      const stored = arguments_path === null ? null : await objects.read(arguments_path);
      if (stored === null || arguments_key_id === null) return stored && Buffer.from(stored).toString("utf8");
      const key = await keyring?.reader()({ key_id: arguments_key_id }, stored.subarray(0, SALT_BYTES));
      return key ? Buffer.from(openPayload(key, stored)).toString("utf8") : null;
    },
    async forget({ arguments_path }) {
      if (arguments_path !== null) await objects.delete(arguments_path);
    },
    async sweep(kept) {
      const named = new Set(kept.map(({ arguments_path }) => arguments_path));
      const found = new Set<string>();
      let removed = 0;
      for await (const { path } of objects.list(APPROVAL_ARGUMENTS_PREFIX)) {
        if (named.has(path)) continue;
        if (unnamed.has(path)) {
          await objects.delete(path);
          removed++;
        } else found.add(path);
      }
      unnamed = found;
      return removed;
    },
  };
}
