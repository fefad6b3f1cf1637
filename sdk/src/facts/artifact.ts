import { createHash } from "node:crypto";
import { RUNLEDGER } from "@runledger/contract";
import type { Failures } from "../failures.ts";
import { type FactRecorder, label } from "./fact-recorder.ts";

/** Of an artifact's bytes; of a larger one the record has its hash and size only. */
export const MAX_ARTIFACT_BYTES = 8 * 1024 * 1024;

export interface ArtifactOptions {
  name: string;
  /** RFC 6838. Of text: text/plain; of bytes: application/octet-stream. */
  mediaType?: string;
}

/** Stands for the content where a model, or another record, is to know of it. */
export interface Artifact {
  name: string;
  mediaType: string;
  sizeBytes: number;
  /** Of the bytes, hex. */
  sha256: string;
  /** `runledger://artifact/<sha256>`. */
  uri: string;
  /** What a model is given in place of the content. */
  toString(): string;
}

export function createArtifacts(recorder: FactRecorder, failures: Failures) {
  return function artifact(content: string | Uint8Array, { name, mediaType }: ArtifactOptions): Artifact {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const made = referenceTo(bytes, label(name), mediaType ?? mediaTypeOf(content));
    const scope = recorder.scope("artifact");
    if (scope === undefined) return made;
    const isKept = made.sizeBytes <= MAX_ARTIFACT_BYTES;
    if (!isKept)
      failures.report(
        "record",
        new Error(
          `artifact ${made.name} is larger than ${MAX_ARTIFACT_BYTES} bytes: its hash is recorded, not its content`,
        ),
      );
    recorder.record(scope, () => ({
      ...{ kind: "state", operation: "store_artifact", name },
      attributes: {
        [RUNLEDGER.artifactMediaType]: made.mediaType,
        [RUNLEDGER.artifactSha256]: made.sha256,
        [RUNLEDGER.artifactSizeBytes]: made.sizeBytes,
        ...(isKept ? contentAttributes(content) : {}),
      },
    }));
    return made;
  };
}

function contentAttributes(content: string | Uint8Array) {
  if (typeof content === "string") return { [RUNLEDGER.artifactContent]: content.toWellFormed() };
  const base64 = Buffer.from(content).toString("base64");
  return { [RUNLEDGER.artifactContent]: base64, [RUNLEDGER.artifactEncoding]: "base64" };
}

function mediaTypeOf(content: string | Uint8Array): string {
  return typeof content === "string" ? "text/plain" : "application/octet-stream";
}

function referenceTo(bytes: Uint8Array, name: string, mediaType: string): Artifact {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const uri = `runledger://artifact/${sha256}`;
  const sizeBytes = bytes.byteLength;
  const words = `[artifact "${name}", ${mediaType}, ${sizeBytes} bytes: ${uri}]`;
  return { name, mediaType, sizeBytes, sha256, uri, toString: () => words };
}
