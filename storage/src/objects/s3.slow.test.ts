import { randomUUID } from "node:crypto";
import { CreateBucketCommand, DeleteObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { objectsSuite } from "./objects.suite.ts";
import type { Objects } from "./objects.ts";
import { openObjects } from "./open-objects.ts";
import { createS3Client, DEFAULT_S3_LIMITS } from "./s3-client.ts";
import { parseS3Location } from "./s3-location.ts";

/**
 * The same suite over a real server: RUNLEDGER_TEST_S3=http://127.0.0.1:7070 with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. For example
 * `go install github.com/versity/versitygw/cmd/versitygw@v1.8.0` and
 * `ROOT_ACCESS_KEY=test ROOT_SECRET_KEY=testtest versitygw --port 127.0.0.1:7070 posix --versioning-dir VERSIONS DATA`.
 */
const endpoint = process.env["RUNLEDGER_TEST_S3"];

describe.skipIf(endpoint === undefined)("a real S3 server", () => {
  const locationOf = (bucket: string, options: string) =>
    `s3://${bucket}/ledger?endpoint=${encodeURIComponent(endpoint ?? "")}${options}`;
  const makeBucket = async (name: string, locked: boolean) => {
    const client = createS3Client(parseS3Location(locationOf(name, "")), DEFAULT_S3_LIMITS);
    await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: locked }));
    client.destroy();
  };
  const freshStore = async (locked: boolean) => {
    const name = `runledger-${randomUUID().slice(0, 8)}`;
    await makeBucket(name, locked);
    await makeBucket(`${name}-state`, false);
    const location = locationOf(name, `${locked ? "&lock=compliance&retention=1d" : ""}&mutable=${name}-state`);
    return {
      bucket: name,
      objects: await openObjects(location),
      another: (): Promise<Objects> => openObjects(location),
      close: async () => undefined,
    };
  };

  objectsSuite("a real S3 server", () => freshStore(false));
  objectsSuite("a real S3 server with Object Lock", () => freshStore(true));

  test("a store without Object Lock is not taken for one with it", async () => {
    const name = `runledger-${randomUUID().slice(0, 8)}`;
    await makeBucket(name, false);
    await expect(openObjects(locationOf(name, "&lock=compliance"))).rejects.toThrow("has no Object Lock");
  });

  test("a folder whose every object is under a delete marker is one still", async () => {
    const { objects, bucket } = await freshStore(true);
    for (const path of ["log/0/tile/0/000", "log/1/tile/0/000"]) await objects.create(path, Buffer.from("true"));
    const client = createS3Client(parseS3Location(locationOf(bucket, "")), DEFAULT_S3_LIMITS);
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: "ledger/log/1/tile/0/000" }));
    client.destroy();
    const { folders } = await openObjects(locationOf(bucket, "&lock=compliance"), { access: "read" });
    expect(await folders("log/")).toEqual(["0", "1"]);
  });

  test.each([false, true])("a large object goes in parts, once (locked: %s)", async (locked) => {
    const { objects } = await freshStore(locked);
    const large = Buffer.alloc(17 * 1024 * 1024, "0123456789abcdef!");
    await objects.create("payloads/0/ab/abcd", large);
    await objects.create("payloads/0/ab/abcd", large);
    await expect(objects.create("payloads/0/ab/abcd", large.subarray(1))).rejects.toMatchObject({ code: "conflict" });
    expect(Buffer.compare((await objects.read("payloads/0/ab/abcd")) ?? Buffer.of(), large)).toBe(0);
  });
});
