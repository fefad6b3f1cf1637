import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Answer, metadataOf, Refusal, text, xml } from "./strict-s3-answer.fixture.ts";

interface Upload {
  key: string;
  parts: Map<number, Buffer>;
  metadata: Record<string, string>;
  retainUntil: string | null;
}

const MIN_PART_BYTES = 5 * 1024 * 1024;

/** Multipart uploads as S3 has them: parts of 5 MiB but the last, each with its checksum; conditions hold when it is completed. */
export function createStrictUploads({
  complete,
}: {
  complete(
    key: string,
    headers: IncomingMessage["headers"],
    object: { bytes: Buffer; metadata: Record<string, string>; retainUntil: string | null },
  ): Answer;
}): { answer(request: IncomingMessage, url: URL, key: string, body: Buffer): Answer | null } {
  const uploads = new Map<string, Upload>();
  const find = (id: string, key: string): Upload => {
    const upload = uploads.get(id);
    if (upload?.key !== key) throw new Refusal(404, "NoSuchUpload");
    return upload;
  };
  return {
    answer: ({ method, headers }, { searchParams }, key, body) => {
      const id = searchParams.get("uploadId");
      if (method === "POST" && searchParams.has("uploads")) {
        const made = randomUUID();
        const retainUntil = text(headers["x-amz-object-lock-retain-until-date"]);
        if (headers["x-amz-checksum-algorithm"] !== "SHA256") throw new Refusal(400, "InvalidRequest");
        uploads.set(made, { key, parts: new Map(), metadata: metadataOf(headers), retainUntil });
        return xml(`<InitiateMultipartUploadResult><UploadId>${made}</UploadId></InitiateMultipartUploadResult>`);
      }
      if (id === null) return null;
      const upload = find(id, key);
      if (method === "PUT") {
        const sum = createHash("sha256").update(body).digest("base64");
        if (headers["x-amz-checksum-sha256"] !== sum) throw new Refusal(400, "BadDigest");
        upload.parts.set(Number(searchParams.get("partNumber")), body);
        return { status: 200, headers: { etag: `"${createHash("md5").update(body).digest("hex")}"` } };
      }
      if (method === "DELETE") {
        uploads.delete(id);
        return { status: 204 };
      }
      const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) =>
        Number(number),
      );
      const parts = named.map((number) => upload.parts.get(number));
      const known = parts.filter((part) => part !== undefined);
      if (known.length === 0 || known.length !== named.length) throw new Refusal(400, "InvalidPart");
      if (known.slice(0, -1).some((part) => part.length < MIN_PART_BYTES)) throw new Refusal(400, "EntityTooSmall");
      const answered = complete(key, headers, { ...upload, bytes: Buffer.concat(known) });
      uploads.delete(id);
      const etag = answered.headers?.["etag"] ?? "";
      return {
        ...xml(
          `<CompleteMultipartUploadResult><ETag>${etag.replaceAll('"', "&quot;")}</ETag></CompleteMultipartUploadResult>`,
        ),
        headers: { "content-type": "application/xml", ...answered.headers },
      };
    },
  };
}
