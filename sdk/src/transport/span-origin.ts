import { resourceFromAttributes } from "@opentelemetry/resources";
import { OTEL, RUNLEDGER } from "@runledger/contract";
import { SDK_VERSION } from "../version.ts";
import type { SpanOrigin } from "./record-span.ts";

/** The resource and scope of every record of a process. */
export function spanOrigin(serviceName: string, pid: number): SpanOrigin {
  return {
    resource: resourceFromAttributes({
      [OTEL.serviceName]: serviceName,
      [RUNLEDGER.sdkVersion]: SDK_VERSION,
      "process.pid": pid,
      "telemetry.sdk.language": "nodejs",
    }),
    instrumentationScope: { name: "@runledger/sdk", version: SDK_VERSION },
  };
}
