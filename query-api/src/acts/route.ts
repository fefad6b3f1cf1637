import { actList, type ListedAct, listActsQuery, listedAct } from "@runledger/contract";
import type { z } from "zod";
import type { Feature } from "../dependencies.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { unixNanoOf } from "../http/time.ts";

type Question = Omit<z.infer<typeof listActsQuery>, "limit" | "cursor">;

/** `GET /v1/acts`: who did what through this API, from the log's index; a second or so after it was done. */
export function registerActs({ app, dependencies: { rows } }: Feature): void {
  app.get(
    "/v1/acts",
    {
      config: { role: "auditor" },
      schema: {
        tags: ["audit"],
        summary: "Acts of people and keys, the newest first",
        description:
          "Reads of content, exports, kills, approvals, erasures, holds, changes of keys and rules: entries of the log.",
        querystring: listActsQuery,
        response: { 200: actList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal: { tenant }, query: { cursor, limit, ...question } }) => {
      const place =
        cursor === undefined ? null : decodeCursor(question, cursor, [/^\d{1,19}$/, /^/, /^\d{1,15}$/]).after;
      const { where, parameters } = conditions(question, place);
      const found = await rows.query<ActRow>(
        `SELECT act, record_id, shard, log_index, toString(toUnixTimestamp64Nano(received_time)) AS time_ns
         FROM acts FINAL WHERE ${where.join(" AND ")}
         ORDER BY received_time DESC, shard DESC, log_index DESC LIMIT {limit: UInt64}`,
        { ...parameters, tenant, limit: limit + 1 },
      );
      const last = found.length > limit ? found[limit - 1] : undefined;
      return {
        items: found.slice(0, limit).map(answerOf),
        next_cursor: last
          ? encodeCursor(question, { after: [last.time_ns, last.shard, String(last.log_index)], asOfMs: 0 })
          : null,
      };
    },
  );
}

interface ActRow {
  act: string;
  record_id: string;
  shard: string;
  log_index: string | number;
  time_ns: string;
}

function conditions({ action, actor, since, until }: Question, place: string[] | null) {
  const where = ["tenant = {tenant: String}"];
  const parameters: Record<string, unknown> = {};
  const add = (condition: string, values: Record<string, unknown>) => {
    where.push(condition);
    Object.assign(parameters, values);
  };
  if (action?.endsWith("*")) add("startsWith(action, {action: String})", { action: action.slice(0, -1) });
  else if (action !== undefined) add("action = {action: String}", { action });
  if (actor !== undefined) add("(actor_key_id = {actor: String} OR actor_name = {actor: String})", { actor });
  if (since !== undefined)
    add("received_time >= fromUnixTimestamp64Nano({since: Int64})", { since: unixNanoOf(since) });
  if (until !== undefined) add("received_time < fromUnixTimestamp64Nano({until: Int64})", { until: unixNanoOf(until) });
  if (place !== null) {
    const [time, shard, index] = place;
    add(
      "(received_time, shard, log_index) < (fromUnixTimestamp64Nano({time: Int64}), {shard: String}, {index: UInt64})",
      { time, shard, index },
    );
  }
  return { where, parameters };
}

function answerOf({ act, record_id, shard, log_index }: ActRow): ListedAct {
  const { received_time, ...facts } = JSON.parse(act);
  return listedAct.parse({ ...facts, time: received_time, record_id, shard, log_index: Number(log_index) });
}
