import { type ActFacts, RUNLEDGER } from "@runledger/contract";
import type { Dialect } from "./dialect.ts";
import { plain } from "./plain.ts";
import type { AttributeReader } from "./span-view.ts";

const ACT = "act";

/** What somebody did by the query API, which sends it itself. A span that others send under this event is a step like any. */
export const ownAct: Dialect = {
  name: "runledger",
  claims: (attributes) => attributes.get(RUNLEDGER.event) === ACT,
  read(span, attributes, scope) {
    const base = plain.read(span, attributes, scope);
    attributes.oneOf(RUNLEDGER.event, [ACT]);
    const act = actOf(attributes);
    return { ...base, event: ACT, name: act.action, operation: ACT, runId: "", act };
  },
};

function actOf(attributes: AttributeReader): ActFacts {
  const action = attributes.text(RUNLEDGER.actAction);
  const name = attributes.text(RUNLEDGER.actName);
  if (action === null || name === null) throw new Error("an act without its action or its actor");
  return {
    action,
    actor: { key_id: attributes.text(RUNLEDGER.actKeyId), name, roles: attributes.texts(RUNLEDGER.actRoles) },
    reason: attributes.text(RUNLEDGER.actReason),
    target: targetOf(attributes.text(RUNLEDGER.actTarget) ?? "{}"),
  };
}

function targetOf(text: string): Record<string, unknown> {
  const target: unknown = JSON.parse(text);
  if (typeof target !== "object" || target === null || Array.isArray(target))
    throw new Error("an act's target is an object");
  return { ...target };
}
