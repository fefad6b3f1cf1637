import { randomUUID } from "node:crypto";
import { hold, holdList, holdRequest, holdSet } from "@runledger/contract";
import { z } from "zod";
import { recordAct } from "../acts/record-act.ts";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { addHold } from "./destruction-claim.ts";
import { createHoldStore, type KeptHold } from "./hold-store.ts";

const tags = ["privacy"];
const holdParameters = z.strictObject({ hold_id: z.string().max(64) });

/** Legal holds: what they name is neither erased nor expires. Each act is recorded before it is done. */
export function registerHolds({ app, dependencies: { objects, acts, clock } }: Feature): void {
  const store = createHoldStore(objects);
  app.post(
    "/v1/holds",
    {
      config: { role: "admin" },
      schema: {
        tags,
        summary: "Keeps a person, run, agent, session, or all, from being erased, and everything from expiring",
        body: holdRequest,
        response: { 201: holdSet, ...ERROR_RESPONSES },
      },
    },
    async ({ body: { scope, reason }, principal }, reply) => {
      const { tenant } = principal;
      const hold_id = randomUUID();
      const set_time = new Date(clock()).toISOString();
      const kept: KeptHold = { hold_id, scope, reason, by: principal.name, set_time, tenant };
      await acts.record({ action: "hold.set", principal, reason, target: { hold_id, scope } });
      // A crash before this: the log tells of a hold that is not in force, and who set it was answered with an error.
      const too_late_for = await addHold(store, kept);
      return await reply.status(201).send({ ...shown(kept), too_late_for });
    },
  );
  app.get(
    "/v1/holds",
    {
      config: { role: "viewer" },
      schema: {
        tags,
        summary: "The legal holds in force, the newest first",
        querystring: z.strictObject({}),
        response: { 200: holdList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal: { tenant } }) => {
      const { holds } = await store.read();
      return {
        items: holds
          .filter((one) => one.tenant === tenant)
          .map(shown)
          .reverse(),
      };
    },
  );
  app.delete(
    "/v1/holds/:hold_id",
    {
      config: { role: "admin" },
      schema: { tags, summary: "Lifts a hold", params: holdParameters, response: { 200: hold, ...ERROR_RESPONSES } },
    },
    async (request) => {
      const { hold_id } = request.params;
      const { principal } = request;
      const { holds } = await store.read();
      const found = holds.find((one) => one.hold_id === hold_id && one.tenant === principal.tenant);
      if (found === undefined)
        throw new QueryApiError("not_found", `no hold ${hold_id} is in force`, { hint: "GET /v1/holds lists them" });
      await recordAct(acts, request, "hold.lift", { hold_id, scope: found.scope });
      await store.update((state) => ({ ...state, holds: state.holds.filter((one) => one.hold_id !== hold_id) }));
      return shown(found);
    },
  );
}

function shown({ tenant: _, ...rest }: KeptHold): z.infer<typeof hold> {
  return rest;
}
