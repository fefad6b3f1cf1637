import type { AsyncLocalStorage } from "node:async_hooks";
import type { Config } from "../config.ts";
import type { Failures } from "../failures.ts";
import { AgentStopped } from "../limits/agent-stopped.ts";
import type { Privacy } from "../privacy/privacy.ts";
import type { Scope } from "../run/scope.ts";
import type { Approver } from "../tools/approver.ts";
import type { Trust } from "../trust.ts";
import { createApiClient } from "./api-request.ts";
import type { ControlStanding } from "./contact.ts";
import { createControl } from "./control.ts";
import { createRemoteApprover } from "./remote-approver.ts";

/** The query API's word over the agents of a ledger. */
export interface LedgerControl {
  /** Until what it returns is called. A kill in force stops it at once. */
  watch(scope: Scope): () => void;
  /** Whom tools ask that must be confirmed; undefined: nobody. */
  approver: Approver | undefined;
  standing(): ControlStanding | "off";
  close(): void;
}

export interface OpenControlDependencies {
  failures: Failures;
  random: () => number;
  trust: Trust;
  scopes: AsyncLocalStorage<Scope | undefined>;
  privacy: Pick<Privacy, "words" | "question">;
}

export function openControl(
  config: Config,
  { failures, random, scopes, trust, privacy }: OpenControlDependencies,
): LedgerControl {
  if (config.control === "off") return OFF;
  const api = createApiClient(config.controlUrl, config.apiKey, trust);
  const now = () => performance.now();
  const onFailure = (error: unknown) => failures.report("control", error);
  const outside = <T>(work: () => T) => scopes.run(undefined, work);
  const control = createControl({ api, now, random, onFailure, outside }, config);
  return {
    watch: (scope) => control.watch(scope.target, (order) => scope.guard.halt(new AgentStopped(scope.agent, order))),
    approver: createRemoteApprover({ api, control, random, onFailure, outside, privacy }),
    standing: control.standing,
    close: control.close,
  };
}

const OFF: LedgerControl = {
  watch: () => () => undefined,
  approver: undefined,
  standing: () => "off",
  close: () => undefined,
};
