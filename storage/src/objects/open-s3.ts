import type { FileAccess } from "./files.ts";
import type { Objects } from "./objects.ts";
import { createS3Objects } from "./s3.ts";
import { checkS3, keptVersionsFault } from "./s3-check.ts";
import { createS3Client, DEFAULT_S3_LIMITS } from "./s3-client.ts";
import type { S3Location } from "./s3-location.ts";
import { needlessPermissions } from "./s3-permissions.ts";

/** The objects of a bucket, which is checked before anything is written. @throws StorageError `rejected`, with what to mend. */
export async function openS3Objects(
  location: S3Location,
  access: FileAccess,
  warn: (message: string, details: object) => void,
): Promise<Objects> {
  const client = createS3Client(location, DEFAULT_S3_LIMITS);
  if (access === "write") {
    await checkS3(client, location);
    const fault = await keptVersionsFault(client, location);
    const needless = await needlessPermissions(client, location);
    for (const what of fault === null ? needless : [fault, ...needless]) warn(`RUNLEDGER_OBJECTS: ${what}`, {});
  }
  return createS3Objects({ client, now: Date.now, random: Math.random, warn }, location);
}
