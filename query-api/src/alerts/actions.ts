import type { AlertRule, Principal } from "@runledger/contract";
import { MAX_REASON_CHARS } from "@runledger/contract";
import type { Control } from "../control/control.ts";
import type { KeptAlert } from "./alert-store.ts";
import { timeOf } from "./raise.ts";

/** The alert with what its rule's action did. Done before the alert is kept: a crash in between does it again, to the same kill. Never rejects. */
export async function takeAction(
  alert: KeptAlert,
  rule: AlertRule,
  { tenant, control, clock }: { tenant: string; control: Pick<Control, "kill">; clock: () => number },
): Promise<KeptAlert> {
  if (rule.action === "none") return alert;
  const by: Principal = {
    ...{ keyId: null, name: `alert ${alert.rule}`, roles: new Set<never>(), tenant, everyTenant: false },
  };
  const reason = `alert ${alert.rule}: ${alert.summary}`.slice(0, MAX_REASON_CHARS);
  const time = timeOf(clock());
  try {
    const { kill } = await control.kill({ scope: { run_id: alert.run_id }, reason, principal: by });
    return { ...alert, action_taken: { action: "kill", kill_id: kill.kill_id, time, error: null } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ...alert, action_taken: { action: "kill", kill_id: null, time, error: message } };
  }
}
