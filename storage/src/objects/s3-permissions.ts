import { DeleteObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { s3Error, statusOf } from "./s3-error.ts";
import type { S3Location } from "./s3-location.ts";

/** A version that no object has: to delete it changes nothing, and is refused to who may not delete versions. */
const NO_VERSION = "null";

/**
 * What these credentials may do to evidence though the collector never does it, as far as can be told without harm. Whoever steals them has it
 * too. Nothing of it stops the start: a locked version stays locked.
 */
export async function needlessPermissions(client: S3Client, { bucket, prefix, lock }: S3Location): Promise<string[]> {
  if (lock === null) return [];
  const may = async (BypassGovernanceRetention: boolean): Promise<boolean> => {
    const Key = `${prefix}probe/nothing`;
    const bypass = BypassGovernanceRetention ? { BypassGovernanceRetention } : {};
    try {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId: NO_VERSION, ...bypass }));
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === null || status >= 500) throw s3Error(Key, error);
      // Refused, or a server that won't hear of such a version: nothing is known then, and nothing said.
      return false;
    }
  };
  const found: string[] = [];
  if (await may(false))
    found.push(
      `the credentials may delete versions in ${bucket}: take s3:DeleteObjectVersion away, evidence is never deleted by us`,
    );
  if (lock.mode === "GOVERNANCE" && (await may(true)))
    found.push(
      `the credentials may bypass the governance lock of ${bucket}: take s3:BypassGovernanceRetention away, or use lock=compliance`,
    );
  return found;
}
