import type { StepDetail } from "@runledger/contract";
import { z } from "zod";
import type { ApiClient } from "../control/api-request.ts";

/** A run as it was recorded, its steps with their content: plain data, which may as well be kept as a file of a test. */
export interface RecordedRun {
  runId: string;
  /** In order; model and tool calls only. */
  steps: RecordedStep[];
}
export interface RecordedStep {
  seq: number;
  stepId: string;
  name: string;
  error: { type: string; message: string | null } | null;
  /** `available`, or why its content can't be had. */
  content: string;
  model?: {
    model: string | null;
    promptSha256: string | null;
    systemPromptSha256: string | null;
    toolsSha256: string | null;
    messages: unknown[];
    streaming: boolean;
    /** Null: the call got no answer. */
    status: number | null;
    /** The answer's body as it came, unpacked. */
    body: string | null;
  };
  tool?: {
    name: string;
    argumentsSha256: string | null;
    result: unknown;
    /** It had to be confirmed: whether it was. */
    confirmed: boolean | undefined;
    fallback: boolean;
    /** The result of an earlier call with its idempotency key. */
    repeated: boolean;
  };
}

const REQUEST_TIMEOUT_MS = 30_000;
const PAGE_STEPS = 500;
const page = z.object({
  items: z.array(z.looseObject({ step_id: z.string(), record_id: z.string(), kind: z.string() })),
  next_cursor: z.string().nullable(),
});

/** Reads a run by the query API, whose key must be allowed to read content (role `investigator`). @throws Error when a step's content can't be had. */
export async function readRecordedRun(api: ApiClient, runId: string): Promise<RecordedRun> {
  const question = { method: "GET", reason: "replay", timeoutMs: REQUEST_TIMEOUT_MS } as const;
  const ask = (path: string) => api.ask({ ...question, path: `/v1/runs/${encodeURIComponent(runId)}${path}` });
  const steps: RecordedStep[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { items, next_cursor }: z.infer<typeof page> = page.parse(
      await ask(`/steps?limit=${PAGE_STEPS}${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`),
    );
    for (const { step_id, kind } of items) {
      if (kind !== "llm" && kind !== "tool") continue;
      const step = recordedStep((await ask(`/steps/${step_id}`)) as StepDetail);
      if (step !== undefined) steps.push(step);
    }
    cursor = next_cursor;
  }
  if (steps.length === 0) throw new Error(`runledger: run ${runId} has no model or tool calls to replay`);
  return { runId, steps };
}

/** Undefined: what only messages tell of, and what did not go out of the process. */
function recordedStep(step: StepDetail): RecordedStep | undefined {
  const { seq, step_id: stepId, name, error, content, llm, tool, attributes } = step;
  const own = { seq, stepId, name, error, content: contentOf(step) ?? content };
  if (llm?.counted) {
    const status = attributes["http.response.status_code"];
    const model = {
      model: llm.request_model,
      promptSha256: llm.prompt_sha256,
      systemPromptSha256: llm.system_prompt_sha256,
      toolsSha256: llm.tools_sha256,
      messages: llm.messages ?? [],
      streaming: llm.streaming ?? false,
      status: typeof status === "number" ? status : null,
      body: llm.raw_response,
    };
    return { ...own, model };
  }
  if (tool === null || tool.inferred) return undefined;
  const { confirmed, fallback = false, same_as } = tool;
  return {
    ...own,
    tool: {
      name: tool.name,
      argumentsSha256: tool.arguments_sha256,
      result: tool.result,
      confirmed,
      fallback,
      repeated: same_as !== undefined,
    },
  };
}

/** Undefined: it can be had. */
function contentOf({ privacy }: StepDetail): string | undefined {
  if (privacy === undefined) return undefined;
  if (privacy.withheld.length > 0) return "withheld by the agent's settings";
  return privacy.redacted.length > 0 ? "redacted by the agent's settings" : undefined;
}
