import { createHash } from "node:crypto";
import { canonicalJson } from "@runledger/contract";
import type { ModelRequest } from "../wire/wire-format.ts";
import type { RecordedRun, RecordedStep } from "./recorded-run.ts";

/** Where a replay went another way than the run it was to follow. */
export interface Divergence {
  /** Of the recorded run; null: it had no further step of the kind. */
  seq: number | null;
  step: string | null;
  /** In words. */
  difference: string;
}

/** Thrown where the agent makes a call that the recorded run did not. */
export class ReplayDiverged extends Error {
  override readonly name = "ReplayDiverged";
  readonly divergence: Divergence;
  constructor(divergence: Divergence) {
    super(
      `the replay diverged${divergence.seq === null ? "" : ` at step ${divergence.seq} (${divergence.step})`}: ${divergence.difference}`,
    );
    this.divergence = divergence;
  }
}

export interface ReplayOptions {
  /** "stop": the call that differs fails, and all after it. "live": it and all after it are really made, with their side effects. Default: "stop". */
  onDivergence?: "stop" | "live";
}

export type ReplayedCall = NonNullable<RecordedStep["model"]> & Pick<RecordedStep, "error">;

/** Gives the calls of one run their recorded answers, each once, in the order in which it was asked the same. */
export interface ReplaySession {
  readonly runId: string;
  /** Undefined: the call is to be made. @throws ReplayDiverged */
  model(request: ModelRequest | undefined): ReplayedCall | undefined;
  /** A model call of a client that can't be given an answer: from here on all is live. @throws ReplayDiverged */
  unanswerable(why: string): void;
  /** As `model`, of an attempt of a tool, or of its fallback. */
  tool(name: string, args: unknown, fallback?: boolean): RecordedStep | undefined;
  /** What people said to the call; undefined: ask. */
  confirmed(name: string, args: unknown): boolean | undefined;
  readonly divergence: Divergence | undefined;
  /** The agent is done: what is left was not called again. */
  end(): void;
}

/** Refusals: nothing ran, and the same checks come to the same end. */
const NOT_RUN: ReadonlySet<string> = new Set([
  "unknown_tool",
  "invalid_arguments",
  "permission_denied",
  "approval_denied",
  "outcome_unknown",
  "too_many_keys",
]);

export function createReplaySession(run: RecordedRun, { onDivergence = "stop" }: ReplayOptions): ReplaySession {
  const models = run.steps.filter((step) => step.model !== undefined);
  const tools = run.steps.filter(({ tool, error }) => tool && !tool.repeated && !NOT_RUN.has(error?.type ?? ""));
  const denied = run.steps.filter(({ error }) => error?.type === "approval_denied");
  let divergence: Divergence | undefined;

  /** Undefined: from here on all is live. */
  function diverge(step: RecordedStep | undefined, difference: string): undefined {
    divergence ??= { seq: step?.seq ?? null, step: step?.name ?? null, difference };
    if (onDivergence === "stop") throw new ReplayDiverged(divergence);
    return undefined;
  }
  function take(
    steps: RecordedStep[],
    isSame: (step: RecordedStep) => boolean,
    difference: (next: RecordedStep | undefined) => string,
  ) {
    if (divergence !== undefined) return diverge(undefined, "");
    const found = steps.findIndex(isSame);
    const step = steps[found];
    if (step === undefined) return diverge(steps[0], difference(steps[0]));
    if (step.content !== "available" && step.error === null)
      return diverge(step, `what was answered there can't be had: its content is ${step.content}`);
    steps.splice(found, 1);
    return step;
  }

  return {
    runId: run.runId,
    model(request) {
      const key = request && hashesOf(request);
      const step = take(
        models,
        ({ model }) => key !== undefined && model !== undefined && differenceOf(key, model) === undefined,
        (next) => {
          if (next?.model === undefined)
            return `the agent calls ${request?.model ?? "a model"} once more than the recorded run did`;
          if (key === undefined || request === undefined) return "the request can't be read";
          return `${differenceOf(key, next.model)}${firstDifferent(request.messages, next.model.messages)}`;
        },
      );
      if (step?.model === undefined) return undefined;
      if (step.model.status !== null && step.model.body === null)
        return diverge(step, "the answer's body was not recorded");
      return { ...step.model, error: step.error };
    },
    unanswerable(why) {
      diverge(models[0], why);
    },
    tool(name, args, fallback = false) {
      const hash = argumentsHash(args);
      return take(
        tools,
        ({ tool }) => tool?.name === name && tool.argumentsSha256 === hash && tool.fallback === fallback,
        (next) => {
          if (next?.tool === undefined) return `the agent calls the tool ${name} once more than the recorded run did`;
          return next.tool.name === name
            ? `the tool ${name} is called with other arguments`
            : `the tool ${name} is called, not ${next.tool.name}`;
        },
      );
    },
    confirmed(name, args) {
      if (divergence !== undefined) return undefined;
      const hash = argumentsHash(args);
      const found = denied.findIndex(({ tool }) => tool?.name === name && tool.argumentsSha256 === hash);
      if (found === -1) return true;
      denied.splice(found, 1);
      return false;
    },
    get divergence() {
      return divergence;
    },
    end() {
      const [left] = [...models, ...tools].sort((a, b) => a.seq - b.seq);
      if (left !== undefined)
        divergence ??= { seq: left.seq, step: left.name, difference: "the agent ended without this call" };
    },
  };
}

interface RequestHashes {
  model: string | undefined;
  prompt: string;
  systemPrompt: string | null;
  tools: string | null;
}

/** As the collector hashes what the SDK sends. */
function hashesOf({ model, messages, systemInstructions, toolDefinitions }: ModelRequest): RequestHashes {
  const ofList = (items: readonly unknown[]) => (items.length === 0 ? null : sha256(JSON.stringify(items)));
  return {
    model,
    prompt: sha256(JSON.stringify(messages)),
    systemPrompt: ofList(systemInstructions),
    tools: ofList(toolDefinitions),
  };
}

function differenceOf(request: RequestHashes, recorded: NonNullable<RecordedStep["model"]>): string | undefined {
  if (recorded.model !== null && request.model !== recorded.model)
    return `the model is ${request.model}, not ${recorded.model}`;
  if (request.systemPrompt !== recorded.systemPromptSha256) return "the system prompt differs";
  if (request.tools !== recorded.toolsSha256) return "the tools offered differ";
  return request.prompt === recorded.promptSha256 ? undefined : "the messages differ";
}

function firstDifferent(messages: readonly unknown[], recorded: readonly unknown[]): string {
  const index = messages.findIndex((message, at) => JSON.stringify(message) !== JSON.stringify(recorded[at]));
  if (index === -1)
    return messages.length === recorded.length ? "" : `: there are ${messages.length}, not ${recorded.length}`;
  return `, first message ${index + 1} of ${messages.length}`;
}

function argumentsHash(args: unknown): string {
  const text = typeof args === "string" ? args : (JSON.stringify(args) ?? "");
  try {
    return sha256(canonicalJson(JSON.parse(text)));
  } catch {
    return sha256(text);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
