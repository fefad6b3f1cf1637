import { randomUUID } from "node:crypto";
import {
  type ErasureRequest,
  erasedUserLabel,
  erasure,
  erasureList,
  erasureRequest,
  isShortened,
  listErasuresQuery,
  runSubject,
  userSubject,
} from "@runledger/contract";
import { StorageError } from "@runledger/storage";
import type { FastifyRequest } from "fastify";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";
import { holdOn } from "../holds/hold-on.ts";
import { createHoldStore } from "../holds/hold-store.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import type { Lease } from "../state/lease.ts";
import type { EraseDependencies, Eraser } from "./erase.ts";
import { createErasureStore } from "./erasure-store.ts";
import { answerOf, type KeptErasure } from "./kept-erasure.ts";
import { publishedSizes } from "./recorded-erasure.ts";
import { clearRecordsOf, runsOfPerson, usersOfRun } from "./subject-runs.ts";
import { requireWholeRows } from "./whole-rows.ts";

const tags = ["privacy"];
/** Of a done erasure in their order. */
const PLACE = /^\d{4}-\d\d-[\w.:-]{1,120}$/;

/** `POST /v1/erasures`: recorded, then the keys are destroyed. */
export function registerErasures({ app, dependencies }: Feature, eraser: Eraser | null, lease: Lease): void {
  const store = createErasureStore(dependencies.objects);
  app.post(
    "/v1/erasures",
    {
      config: { role: "admin" },
      schema: {
        tags,
        summary: "Makes what was recorded of a person, or of a run of nobody's, unreadable for ever",
        description: "The log still verifies; hashes and facts stay. Refused while a legal hold is on it.",
        body: erasureRequest,
        response: { 200: erasure, 202: erasure.describe("begun; it goes on by itself"), ...ERROR_RESPONSES },
      },
    },
    async (request, reply) => {
      const { keyring } = dependencies;
      if (keyring === null || eraser === null)
        throw new QueryApiError("conflict", "nothing was ever sealed here, so there is no key to destroy", {
          hint: "contents stored in the clear can't be erased without breaking the log: see docs/privacy.md",
        });
      const erasing = { ...dependencies, keyring, store, lease };
      const begun = await begin(erasing, request.body, request);
      const advanced = await eraser.advance(begun).catch((error: unknown) => {
        if (!isRetryable(error)) throw error;
        request.log.warn({ err: error, erasure_id: begun.erasure_id }, "an erasure goes on later");
        return begun;
      });
      return await reply.status(advanced.state === "done" ? 200 : 202).send(answerOf(advanced));
    },
  );
  app.get(
    "/v1/erasures",
    {
      config: { role: "auditor" },
      schema: {
        tags,
        summary: "Erasures, those under way first, then the newest",
        querystring: listErasuresQuery,
        response: { 200: erasureList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal: { tenant }, query: { limit, cursor } }) => {
      const place = cursor === undefined ? null : (decodeCursor({}, cursor, [PLACE]).after[0] ?? null);
      const open = place === null ? (await store.underWay()).filter((one) => one.tenant === tenant) : [];
      const done = await store.newest(tenant, limit + 1, place);
      const last = done.length > limit ? done[limit - 1] : undefined;
      return {
        items: [...open.reverse(), ...done.slice(0, limit).map(({ erasure }) => erasure)].map(answerOf),
        next_cursor: last === undefined ? null : encodeCursor({}, { after: [last.place], asOfMs: 0 }),
      };
    },
  );
}

/** Durable before anything is recorded or destroyed. One that is on its way already is that one. @throws QueryApiError `conflict` under a hold. */
async function begin(
  dependencies: Omit<EraseDependencies, "ends" | "rowsKeptDays">,
  { subject, reason }: ErasureRequest,
  { principal }: FastifyRequest,
): Promise<KeptErasure> {
  const { rows, objects, keyring, store, clock } = dependencies;
  const { tenant } = principal;
  const now = new Date(clock()).toISOString();
  const userId = "user_id" in subject ? subject.user_id : null;
  const kept: KeptErasure["subject"] =
    "user_id" in subject
      ? { kind: "user", pseudonym: keyring.pseudonymOf(userSubject(tenant, subject.user_id)) }
      : { kind: "run", run_id: subject.run_id };
  const { runIds, isNamed } =
    kept.kind === "run"
      ? { runIds: [kept.run_id], isNamed: false }
      : await runsOfPerson(rows, { tenant, userId: userId ?? "", label: erasedUserLabel(kept.pseudonym) });
  if ("run_id" in subject) refusePerson(subject.run_id, await usersOfRun(rows, tenant, subject.run_id));
  const hold = await holdOn(createHoldStore(objects), { rows, keyring }, { tenant, userId, runIds });
  await requireWholeRows(rows);
  if (hold !== null) {
    throw new QueryApiError("conflict", `the legal hold ${hold.hold_id} is on it: ${hold.reason}`, {
      hint: `DELETE /v1/holds/${hold.hold_id} lifts it, once whoever set it agrees`,
    });
  }
  const isSame = (one: KeptErasure) => one.tenant === tenant && JSON.stringify(one.subject) === JSON.stringify(kept);
  const underWay = (await store.underWay()).find(isSame);
  if (underWay !== undefined) return underWay;
  const subjects = runIds.map((runId) => runSubject(tenant, runId));
  if (userId !== null) subjects.push(userSubject(tenant, userId));
  const keys = await keyring.keysOf(new Set(subjects.map(keyring.pseudonymOf)));
  if (userId !== null && isShortened(userId))
    throw new QueryApiError("conflict", "that is how a longer id is shown: contents are sealed under the whole of it", {
      hint: "give the id as it was sent",
    });
  if (keys.length === 0 && !isNamed)
    throw new QueryApiError("not_found", "nothing is sealed of this person or run", {
      hint: "check its spelling; what was sent just now is sealed a second or two later",
    });
  return await store.add({
    erasure_id: randomUUID(),
    tenant,
    subject: kept,
    user_id: userId,
    run_ids: runIds,
    rows_settled: false,
    clear_records: await clearRecordsOf(rows, tenant, runIds),
    state: "recording",
    by: principal.name,
    actor: { key_id: principal.keyId, roles: [...principal.roles] },
    reason,
    requested_time: now,
    done_time: null,
    log_sizes: await publishedSizes(objects),
    key_ids: [],
    log_indexes: [],
    received_until: now,
  });
}

/** Content of a run that names a person is under the person's key, which holds all of theirs. */
function refusePerson(runId: string, users: readonly string[]): void {
  if (users.length === 0) return;
  throw new QueryApiError("conflict", `run ${runId} is of a person, whose content is erased as a whole`, {
    hint: `erase the person: {"subject":{"user_id":…}} with ${users.slice(0, 3).join(", ")}${users.some(isShortened) ? " (longer ids as they were sent)" : ""}`,
  });
}

function isRetryable(error: unknown): boolean {
  return (error instanceof QueryApiError || error instanceof StorageError) && error.retryable;
}
