import { rfc3339FromUnixNano } from "@runledger/contract";
import { invalidField } from "../error.ts";
import { unixNanoOf } from "../http/time.ts";

/** `since` and `until` as records have times, so that they compare as texts. @throws QueryApiError when the one is after the other. */
export function withExactTimes<Filter extends { since?: string | undefined; until?: string | undefined }>(
  filter: Filter,
) {
  const exact = (time: string): string => rfc3339FromUnixNano(BigInt(unixNanoOf(time)));
  const { since, until, ...others } = filter;
  const times = {
    ...(since === undefined ? {} : { since: exact(since) }),
    ...(until === undefined ? {} : { until: exact(until) }),
  };
  if (times.since !== undefined && times.until !== undefined && times.since > times.until)
    throw invalidField("filter.since", "is after until");
  return { ...others, ...times };
}
