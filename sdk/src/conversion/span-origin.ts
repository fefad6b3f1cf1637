import type { Attributes } from "@opentelemetry/api";
import type { RawResourceAttribute, Resource } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { OTEL, RUNLEDGER } from "@runledger/contract";
import { SDK_VERSION } from "../version.ts";

/** What all records of a process have in common. */
export type SpanOrigin = Pick<ReadableSpan, "resource" | "instrumentationScope">;

export interface OriginSettings {
  serviceName: string;
  /** Of the machine or container, as `os.hostname()` tells it. */
  host: string;
  pid: number;
}

/** The resource and scope of every record of a process. */
export function spanOrigin({ serviceName, host, pid }: OriginSettings): SpanOrigin {
  return {
    resource: plainResource({
      [OTEL.serviceName]: serviceName,
      [RUNLEDGER.sdkVersion]: SDK_VERSION,
      "host.name": host,
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
