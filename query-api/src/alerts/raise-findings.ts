import type { Control } from "../control/control.ts";
import { takeAction } from "./actions.ts";
import { type AlertStore, type KeptAlert, withNewAlerts } from "./alert-store.ts";
import { detectCountedSteps } from "./counted-steps.ts";
import type { Detector, DetectorQuestion, Finding } from "./findings.ts";
import { detectLimits } from "./limits.ts";
import { detectLoops } from "./loops.ts";
import { alertOf, type Channels, hasEnded } from "./raise.ts";
import { detectSequences } from "./sequences.ts";

/** Every detector there is. */
const DETECTORS: readonly Detector[] = [detectLoops, detectLimits, detectCountedSteps, detectSequences];

export interface RaiseDependencies {
  store: AlertStore;
  control: Pick<Control, "kill">;
  clock: () => number;
}

/** Looks at runs with every detector, and keeps what they find as alerts, each after what its rule does about it. @returns how many are new. */
export async function raiseFindings(
  question: DetectorQuestion,
  dependencies: RaiseDependencies,
  channels: Channels,
): Promise<number> {
  if (question.runs.size === 0) return 0;
  const findings = (await Promise.all(DETECTORS.map((detect) => detect(question)))).flat();
  if (findings.length === 0) return 0;
  const alerts = await withActions(question, findings, dependencies, channels);
  let added = 0;
  await dependencies.store.update((state) => {
    const next = withNewAlerts(state, alerts);
    added = next === state ? 0 : next.alerts.length - state.alerts.length;
    return next;
  });
  return added;
}

async function withActions(
  { tenant, rules }: DetectorQuestion,
  findings: readonly Finding[],
  { store, control, clock }: RaiseDependencies,
  channels: Channels,
): Promise<KeptAlert[]> {
  const known = new Set((await store.read()).alerts.map((one) => one.alert_id));
  return await Promise.all(
    findings.map(async (finding) => {
      const alert = alertOf(tenant, finding, channels, clock());
      const rule = rules.get(finding.rule);
      if (rule === undefined || known.has(alert.alert_id) || hasEnded(finding.run)) return alert;
      return await takeAction(alert, rule, { tenant, control, clock });
    }),
  );
}
