import type { StepDetail } from "@runledger/contract";

/** Tells why content that was recorded can't be shown, by the id of the data key that is not there. */
export interface GoneContents {
  of(keyId: string): Promise<Pick<StepDetail, "content" | "erased">>;
}

/** What is left of a step whose content, or a part of it, is gone. */
export async function withGoneContent(
  gone: GoneContents,
  step: StepDetail,
  sealedKeys: readonly (string | null)[],
): Promise<StepDetail> {
  const keyId = sealedKeys.find((key) => key !== null);
  return keyId == null ? step : { ...step, ...(await gone.of(keyId)) };
}
