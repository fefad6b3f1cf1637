import { randomBytes } from "node:crypto";
import { canonicalJson, RUNLEDGER } from "@runledger/contract";
import { z } from "zod";
import { invalidField } from "../error.ts";
import type { Act } from "./act-recorder.ts";

/** An entry of the log holds 60 KB, and the act's other members need some of it. */
const MAX_TARGET_BYTES = 30_000;

/** An act as it goes over the wire. Made once: however often it is sent, it is one record. */
export const actRequestShape = z.strictObject({ id: z.string(), tenant: z.string(), body: z.string() });
export type ActRequest = z.infer<typeof actRequestShape>;

/** The act as an OTLP/JSON request of one span (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), read by the collector's `own-act.ts`. */
export function actRequest({ action, principal, reason, target }: Act, nowMs: number): ActRequest {
  const targetText = canonicalJson(target);
  if (Buffer.byteLength(targetText) > MAX_TARGET_BYTES)
    throw invalidField("target", `is longer than ${MAX_TARGET_BYTES} bytes`);
  const spanId = randomBytes(8).toString("hex");
  const time = `${nowMs}000000`;
  const span = {
    traceId: randomBytes(16).toString("hex"),
    spanId,
    name: action,
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes: [
      text(RUNLEDGER.event, "act"),
      text(RUNLEDGER.actAction, action),
      ...(principal.keyId === null ? [] : [text(RUNLEDGER.actKeyId, principal.keyId)]),
      text(RUNLEDGER.actName, principal.name),
      {
        key: RUNLEDGER.actRoles,
        value: { arrayValue: { values: [...principal.roles].map((stringValue) => ({ stringValue })) } },
      },
      ...(reason === null ? [] : [text(RUNLEDGER.actReason, reason)]),
      text(RUNLEDGER.actTarget, targetText),
    ],
  };
  const resource = { attributes: [text("service.name", "runledger-query-api")] };
  const scopeSpans = [{ scope: { name: "runledger.acts" }, spans: [span] }];
  return { id: spanId, tenant: principal.tenant, body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans }] }) };
}

function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}
