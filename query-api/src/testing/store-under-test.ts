import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Objects, openObjects } from "@runledger/storage";
import { startStrictS3 } from "@runledger/storage/testing";

/** Each kind of store that state lies in. */
export const STORES = ["files", "S3"] as const;

export interface StoreUnderTest {
  /** One more process's view of the same store. */
  open(): Promise<Objects>;
  close(): Promise<void>;
}

export async function startStore(kind: (typeof STORES)[number]): Promise<StoreUnderTest> {
  if (kind === "files") {
    const dir = await mkdtemp(join(tmpdir(), "runledger-store-"));
    return {
      open: () => openObjects(`file:${dir}`),
      close: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }),
    };
  }
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "testtest" });
  const s3 = await startStrictS3({ bucket: "evidence" });
  const endpoint = encodeURIComponent(s3.endpoint);
  const location = `s3://evidence/ledger?endpoint=${endpoint}&lock=compliance&mutable=evidence/changing`;
  return { open: () => openObjects(location), close: s3.close };
}
