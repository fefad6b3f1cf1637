import type { Attributes } from "@opentelemetry/api";
import type { RawResourceAttribute, Resource } from "@opentelemetry/resources";
import { OTEL, RUNLEDGER } from "@runledger/contract";
import { SDK_VERSION } from "../version.ts";
import type { SpanOrigin } from "./record-span.ts";

/** The resource and scope of every record of a process. */
export function spanOrigin(serviceName: string, pid: number): SpanOrigin {
  return {
    resource: plainResource({
      [OTEL.serviceName]: serviceName,
      [RUNLEDGER.sdkVersion]: SDK_VERSION,
      "process.pid": pid,
      "telemetry.sdk.language": "nodejs",
    }),
    instrumentationScope: { name: "@runledger/sdk", version: SDK_VERSION },
  };
}

/** OpenTelemetry's own detects things about the machine, for which an agent would wait at its start. */
function plainResource(attributes: Attributes): Resource {
  const resource: Resource = {
    attributes,
    asyncAttributesPending: false,
    merge: () => resource,
    getRawAttributes: () => Object.entries(attributes).map(([key, value]): RawResourceAttribute => [key, value]),
  };
  return resource;
}
