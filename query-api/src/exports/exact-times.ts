import { rfc3339FromUnixNano } from "@runledger/contract";
import { unixNanoOf } from "../http/time.ts";

/** `since` and `until` as records have times, so that they compare as texts. */
export function withExactTimes<Filter extends { since?: string | undefined; until?: string | undefined }>(
  filter: Filter,
) {
  const exact = (time: string): string => rfc3339FromUnixNano(BigInt(unixNanoOf(time)));
  const { since, until, ...others } = filter;
  return {
    ...others,
    ...(since === undefined ? {} : { since: exact(since) }),
    ...(until === undefined ? {} : { until: exact(until) }),
  };
}
