import type { AsyncLocalStorage } from "node:async_hooks";
import type { Attributes } from "@opentelemetry/api";
import { GEN_AI, RUNLEDGER, type StepKind } from "@runledger/contract";
import type { Failures } from "../failures.ts";
import { defined, type StepError } from "../run/run.ts";
import type { Scope } from "../run/scope.ts";

export interface Fact {
  kind: StepKind;
  /** `gen_ai.operation.name`. */
  operation: string;
  /** Of this decision, guardrail, … */
  name: string;
  attributes: Attributes;
  error?: StepError | undefined;
}

/** Records what an agent tells of itself, at once and below the step that it tells it in. Never throws. */
export interface FactRecorder {
  /** The run that the caller is in; undefined, and counted, when it is in none. */
  scope(what: string): Scope | undefined;
  record(scope: Scope, fact: () => Fact): void;
}

export function createFactRecorder(scopes: AsyncLocalStorage<Scope | undefined>, failures: Failures): FactRecorder {
  return {
    scope(what) {
      const scope = scopes.getStore();
      if (scope !== undefined && !scope.run.ended) return scope;
      failures.report("outside_run", new Error(`ledger.${what} outside of a run records nothing`));
      return undefined;
    },
    record(scope, fact) {
      failures.attempt("record", () => {
        const { kind, operation, name, attributes, error } = fact();
        const title = label(name);
        const step = scope.run.startStep(`${operation} ${title}`, {
          kind,
          parent: scope.span,
          attributes: defined({ [GEN_AI.operationName]: operation, [RUNLEDGER.stepName]: title, ...attributes }),
        });
        step.end({ error });
      });
    },
  };
}

/** Labels stand in each record and in lists. */
const MAX_LABEL_CHARS = 200;

export function label(text: string): string;
export function label(text: string | undefined): string | undefined;
export function label(text: string | undefined): string | undefined {
  return text === undefined ? undefined : String(text).slice(0, MAX_LABEL_CHARS).toWellFormed();
}
