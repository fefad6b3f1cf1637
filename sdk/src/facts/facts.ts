import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import { textOf } from "../capture/inferred-tool.ts";
import type { Failures } from "../failures.ts";
import { handOff } from "../run/handoff.ts";
import type { Artifact, ArtifactOptions } from "./artifact.ts";
import { createArtifacts } from "./artifact.ts";
import { type FactRecorder, label } from "./fact-recorder.ts";

export interface Decision {
  name: string;
  /** What was to choose from: labels, in the clear. */
  options?: readonly string[];
  choice: string;
  /** As you count it, 0 to 1 as a rule. */
  confidence?: number;
  /** In words: content. */
  reason?: string;
}
export interface Guardrail {
  name: string;
  passed: boolean;
  /** The rule that decided. */
  rule?: string;
  /** What it looked at: input, output, a tool's name. */
  target?: string;
  reason?: string;
}
export interface HandedOver {
  /** A person, a queue, another agent. */
  to: string;
  reason?: string;
}
export interface FellBack {
  /** What failed or could not be had. */
  from: string;
  to: string;
  reason?: string;
}
export interface MemoryUse {
  op: "search" | "create" | "update" | "upsert" | "delete";
  /** Of the record: a label, in the clear. */
  key?: string;
  store?: string;
  /** What was searched for: content. */
  query?: string;
  /** What was found or written: content. */
  value?: unknown;
}
export interface Score {
  name: string;
  value?: number;
  /** The verdict in a word. */
  label?: string;
  comment?: string;
}

/** What only the agent knows. Each is a step of the run, and nothing outside of one; none ever throws. */
export interface Facts {
  /** What was chosen, out of what, how surely and why. */
  decision(decision: Decision): void;
  /** Whether a check of yours let pass what it looked at. Gives back `passed`. */
  guardrail(guardrail: Guardrail): boolean;
  /** Somebody else takes over: when the agent then returns, its run has ended `handed_off`. */
  handoff(handover: HandedOver): void;
  /** Somebody is told or asked while the agent goes on. */
  escalate(handover: HandedOver): void;
  /** One thing stands in for another that failed. */
  fallback(fallback: FellBack): void;
  /** What was looked up in the agent's memory, or put there. */
  memory(use: MemoryUse): void;
  /** Content that the model is not to read whole: give it the reference, the record has the bytes. */
  artifact(content: string | Uint8Array, options: ArtifactOptions): Artifact;
  /** How well something went, by whatever measure. */
  score(score: Score): void;
}

const MAX_OPTIONS = 50;

export function createFacts(recorder: FactRecorder, failures: Failures): Facts {
  return {
    ...createVerdicts(recorder),
    ...createHandovers(recorder, failures),
    memory({ op, key, store, query, value }) {
      const scope = recorder.scope("memory");
      if (scope === undefined) return;
      const records = value === undefined ? undefined : failures.attempt("record", () => memoryRecords(key, value));
      recorder.record(scope, () => ({
        ...{ kind: "state", operation: `${op}_memory`, name: key ?? store ?? "memory" },
        attributes: {
          [GEN_AI.memoryRecordId]: label(key),
          [GEN_AI.memoryStoreId]: label(store),
          [GEN_AI.memoryQuery]: query,
          [GEN_AI.memoryRecords]: records,
        },
      }));
    },
    artifact: createArtifacts(recorder, failures),
  };
}

function createVerdicts(recorder: FactRecorder): Pick<Facts, "decision" | "guardrail" | "score"> {
  return {
    decision({ name, options = [], choice, confidence, reason }) {
      const scope = recorder.scope("decision");
      if (scope === undefined) return;
      recorder.record(scope, () => ({
        ...{ kind: "decision", operation: "decide", name },
        attributes: {
          [RUNLEDGER.decisionOptions]: options.slice(0, MAX_OPTIONS).map((option) => label(option)),
          [RUNLEDGER.decisionChoice]: label(choice),
          [RUNLEDGER.decisionConfidence]: confidence,
          [RUNLEDGER.stepReason]: reason,
        },
      }));
    },
    guardrail({ name, passed, rule, target, reason }) {
      const scope = recorder.scope("guardrail");
      if (scope === undefined) return passed;
      recorder.record(scope, () => ({
        ...{ kind: "guardrail", operation: "guard", name },
        attributes: {
          [RUNLEDGER.guardrailPassed]: passed,
          [RUNLEDGER.guardrailRule]: label(rule),
          [RUNLEDGER.guardrailTarget]: label(target),
          [RUNLEDGER.stepReason]: reason,
        },
        // A rejection is what operators count, and what alerts are made of. Its reason is content, and not repeated here.
        error: passed ? undefined : { type: "guardrail_rejected", message: `rejected by ${label(rule ?? name)}` },
      }));
      return passed;
    },
    score({ name, value, label: verdict, comment }) {
      const scope = recorder.scope("score");
      if (scope === undefined) return;
      recorder.record(scope, () => ({
        ...{ kind: "other", operation: "evaluate", name },
        attributes: {
          [GEN_AI.evaluationName]: label(name),
          [GEN_AI.evaluationScore]: value,
          [GEN_AI.evaluationLabel]: label(verdict),
          [GEN_AI.evaluationExplanation]: comment,
        },
      }));
    },
  };
}

function createHandovers(recorder: FactRecorder, failures: Failures): Pick<Facts, "handoff" | "escalate" | "fallback"> {
  return {
    handoff({ to, reason }) {
      const scope = recorder.scope("handoff");
      if (scope !== undefined) failures.attempt("record", () => handOff(scope, { to: label(to), reason }));
    },
    escalate({ to, reason }) {
      const scope = recorder.scope("escalate");
      if (scope === undefined) return;
      const attributes = { [RUNLEDGER.handoffTo]: label(to), [RUNLEDGER.stepReason]: reason };
      recorder.record(scope, () => ({ kind: "handoff", operation: "escalate", name: to, attributes }));
    },
    fallback({ from, to, reason }) {
      const scope = recorder.scope("fallback");
      if (scope === undefined) return;
      const attributes = {
        [RUNLEDGER.decisionOptions]: [label(from), label(to)],
        [RUNLEDGER.decisionChoice]: label(to),
        [RUNLEDGER.stepReason]: reason,
      };
      recorder.record(scope, () => ({ kind: "decision", operation: "fallback", name: from, attributes }));
    },
  };
}

/** As the GenAI conventions have them. @throws when it can't be written as JSON. */
function memoryRecords(key: string | undefined, value: unknown): string {
  return JSON.stringify(
    [value].flat().map((content) => ({ ...(key === undefined ? {} : { id: key }), content: textOf(content) })),
  );
}
