import { rfc3339FromUnixNano, USAGE_GROUPS, usage, usageQuery } from "@runledger/contract";
import { z } from "zod";
import type { Feature } from "../dependencies.ts";
import { invalidField } from "../error.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { unixNanoOf } from "../http/time.ts";
import { runSummaryParameters } from "../runs/run-summary.ts";
import { callUsageSql, runUsageSql, type UsageGroup } from "./usage-sql.ts";
import { usageRows } from "./usage-view.ts";

const MAX_ROWS = 10_000;
const DAY_NS = 24n * 3_600n * 1_000_000_000n;
const group = z.enum(USAGE_GROUPS);

/** `GET /v1/usage`: over the last 24 hours unless asked otherwise. */
export function registerUsage({ app, dependencies: { rows, clock }, settings }: Feature): void {
  app.get(
    "/v1/usage",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["usage"],
        summary: "Runs, success, steps, latency, tokens and cost, by what you ask for",
        description:
          "Counts runs that started in the period. Grouped by model or tool, tokens, cost, latency and error rates are those of " +
          "the calls themselves, to the minute; otherwise of whole runs. At most 10,000 rows, those with most runs first.",
        querystring: usageQuery.strict(),
        response: { 200: usage, ...ERROR_RESPONSES },
      },
    },
    async ({ principal, query }) => {
      const groups = parseGroups(query.group_by);
      const nowMs = clock();
      const until = query.until === undefined ? `${nowMs}000000` : unixNanoOf(query.until);
      const since = query.since === undefined ? (BigInt(until) - DAY_NS).toString() : unixNanoOf(query.since);
      if (BigInt(since) > BigInt(until)) throw invalidField("since", "is after until");
      const parameters = {
        ...runSummaryParameters(principal.tenant, nowMs, settings),
        since,
        until,
        max_rows: MAX_ROWS,
      };
      const ofCalls = groups.includes("model") || groups.includes("tool");
      const [byRun, byCall] = await Promise.all([
        rows.query<object>(runUsageSql(groups), parameters),
        ofCalls ? rows.query<object>(callUsageSql(groups), parameters) : null,
      ]);
      return {
        since: rfc3339FromUnixNano(BigInt(since)),
        until: rfc3339FromUnixNano(BigInt(until)),
        items: usageRows(groups, byRun, byCall),
      };
    },
  );
}

function parseGroups(text: string): UsageGroup[] {
  const names = text === "" ? [] : text.split(",");
  const groups = names.map((name) => {
    const parsed = group.safeParse(name.trim());
    if (!parsed.success) throw invalidField("group_by", `${name} is none of ${USAGE_GROUPS.join(", ")}`);
    return parsed.data;
  });
  if (new Set(groups).size !== groups.length) throw invalidField("group_by", "names a dimension twice");
  return groups;
}
