import { createApp, queryApiSettings } from "@runledger/query-api";
import { migrate, openObjects, openRows, startEmbeddedClickHouse } from "@runledger/storage";
import pino from "pino";
import { Registry } from "prom-client";
import { temporaryDir } from "../support/product.ts";

export interface QueryBenchSettings {
  steps: number;
  stepsPerRun: number;
  repeats: number;
}

export interface QueryFigures {
  call: string;
  p50Ms: number;
  p95Ms: number;
}

const CALLS = [
  "/v1/runs",
  "/v1/runs?order=-cost_usd",
  "/v1/runs?status=failed",
  "/v1/runs?agent=agent-3",
  "/v1/runs?model=gpt-4o&tool=search",
  "/v1/runs/{run}",
  "/v1/runs/{run}/steps",
  "/v1/usage",
  "/v1/usage?group_by=agent",
  "/v1/usage?group_by=hour",
  "/v1/usage?group_by=model",
  "/v1/usage?group_by=user",
  "/v1/usage?group_by=agent,model",
] as const;

/** How long the API takes over a day of many steps; each call `repeats` times, after a first one that isn't counted. */
export async function benchQueries(settings: QueryBenchSettings): Promise<QueryFigures[]> {
  const home = await temporaryDir("query-bench");
  const logger = pino({ level: "silent" });
  const clickhouse = await startEmbeddedClickHouse({ dir: `${home.dir}/clickhouse`, logger });
  const rows = openRows(clickhouse.url, { requestTimeoutMs: 300_000 });
  try {
    await migrate(rows, { retentionDays: 400 });
    await rows.command(manySteps(settings));
    const app = await createApp(
      {
        rows,
        objects: await openObjects(`file:${home.dir}/objects`),
        keyring: null,
        acts: { record: async () => undefined },
        clock: Date.now,
        random: Math.random,
        logger,
        registry: new Registry(),
        webDir: null,
        verifierKeys: [],
      },
      queryApiSettings.parse({ requestsPerMinute: 1_000_000 }),
    );
    const figures: QueryFigures[] = [];
    for (const call of CALLS) {
      const url = call.replace("{run}", "run-7");
      const times: number[] = [];
      for (let i = 0; i <= settings.repeats; i++) {
        const startedMs = performance.now();
        const { statusCode, body } = await app.inject({ url, headers: { host: "127.0.0.1" } });
        if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}: ${body}`);
        if (i > 0) times.push(performance.now() - startedMs);
      }
      times.sort((a, b) => a - b);
      figures.push({
        call,
        p50Ms: times[Math.floor(times.length * 0.5)] ?? Number.NaN,
        p95Ms: times[Math.floor(times.length * 0.95)] ?? Number.NaN,
      });
    }
    await app.close();
    return figures;
  } finally {
    await rows.close();
    await clickhouse.stop();
    await home.remove();
  }
}

/** The last step of each run ends it; the others are model and tool calls in turn, spread over the last day. */
function manySteps({ steps, stepsPerRun }: QueryBenchSettings): string {
  return `
    INSERT INTO steps
      (tenant, record_id, event, kind, name, run_id, trace_id, step_id, parent_id, root, dialect, start_time, end_time, received_time, latency_ms,
       status, run_seq, task_type, agent_name, agent_version, session_id, user_id, end_status, end_records, provider, operation, request_model,
       response_model, llm_counted, input_tokens, output_tokens, cost_usd, price_table, price_version, tool_name, arguments_sha256)
    WITH
      number % ${stepsPerRun} AS place,
      intDiv(number, ${stepsPerRun}) AS run,
      place = ${stepsPerRun - 1} AS ends,
      NOT ends AND place % 2 = 0 AS is_llm,
      NOT ends AND place % 2 = 1 AS is_tool,
      now64(9, 'UTC') - toIntervalMillisecond(intDiv(86400000 * (${steps} - number), ${steps})) AS started
    SELECT
      'default', lower(hex(SHA256(toString(number)))), if(ends, 'run_end', 'step'), multiIf(ends, 'agent', is_llm, 'llm', 'tool'),
      multiIf(ends, 'agent', is_llm, 'gpt-4o', 'search'), 'run-' || toString(run), lower(hex(MD5(toString(run)))), leftPad(lower(hex(number)), 16, '0'),
      '', ends, 'runledger', started, started + toIntervalMillisecond(300), started + toIntervalMillisecond(400), 300,
      if(number % 37 = 0, 'error', 'ok'), place, 'task-' || toString(run % 5), 'agent-' || toString(run % 20), '1.0.' || toString(run % 3),
      'session-' || toString(run % 9000), 'user-' || toString(run % 2000), multiIf(NOT ends, '', run % 11 = 0, 'failed', 'completed'),
      if(ends, ${stepsPerRun}, NULL), if(is_llm, 'openai', ''), if(is_llm, 'chat', ''), if(is_llm, if(run % 2 = 0, 'gpt-4o', 'gpt-4o-mini'), ''),
      if(is_llm, if(run % 2 = 0, 'gpt-4o', 'gpt-4o-mini'), ''), is_llm, if(is_llm, 1000 + number % 500, NULL), if(is_llm, 100 + number % 50, NULL),
      if(is_llm, toDecimal128(0.0031, 9), NULL), 'table', '1', if(is_tool, 'search', ''), if(is_tool, lower(hex(SHA256(toString(number)))), '')
    FROM numbers(${steps})
    SETTINGS max_insert_threads = 1`;
}
