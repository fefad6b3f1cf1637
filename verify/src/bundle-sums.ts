import { createHash } from "node:crypto";
import { BUNDLE_FILES, type Findings } from "@runledger/contract";
import type { BundleFile } from "./bundle-file.ts";
import { createByteReader } from "./byte-reader.ts";

/** Hashes all files on their way, to compare them with `SHA256SUMS`. */
export interface BundleSums {
  /** The file, its content hashed by whoever reads it to the end. `sha256` must be asked for after that. */
  watch(file: BundleFile): { file: BundleFile; sha256: () => string };
  compare(content: AsyncIterable<Uint8Array>): Promise<void>;
}

const MAX_LINE_BYTES = 200;

export function createBundleSums(findings: Findings): BundleSums {
  const sums = new Map<string, string>();
  return {
    watch(file) {
      const hash = createHash("sha256");
      let digest: string | null = null;
      const content = (async function* () {
        for await (const chunk of file.content) {
          hash.update(chunk);
          yield chunk;
        }
      })();
      const sha256 = (): string => {
        digest ??= hash.digest("hex");
        sums.set(file.path, digest);
        return digest;
      };
      return { file: { ...file, content }, sha256 };
    },
    async compare(content) {
      const reader = createByteReader(content);
      const expected = [...sums].values();
      const listed = new Set<string>();
      let inOrder = true;
      let reported = 0;
      const report = (verdict: "TAMPERED" | "INCOMPLETE", path: string, what: string): void => {
        reported++;
        findings.add(verdict, path, what);
      };
      try {
        for (let line = await reader.line(MAX_LINE_BYTES); line !== null; line = await reader.line(MAX_LINE_BYTES)) {
          const [, sum = "", path = ""] = /^([0-9a-f]{64}) {2}([\x21-\x7e]+)$/.exec(line.toString("latin1")) ?? [];
          const actual = sums.get(path);
          if (path === "") return report("TAMPERED", BUNDLE_FILES.sums, "a line is none of sha256sum");
          if (listed.has(path)) report("TAMPERED", BUNDLE_FILES.sums, `it lists ${path} twice`);
          else if (actual === undefined) report("INCOMPLETE", path, "SHA256SUMS lists it, and it is missing");
          else if (actual !== sum) report("TAMPERED", path, "it does not have the sum that SHA256SUMS says");
          else if (expected.next().value?.[0] !== path) inOrder = false;
          listed.add(path);
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        report("TAMPERED", BUNDLE_FILES.sums, error.message);
      }
      for (const path of sums.keys()) if (!listed.has(path)) report("TAMPERED", path, "it is not in SHA256SUMS");
      if (!inOrder && reported === 0)
        report("TAMPERED", BUNDLE_FILES.sums, "its lines are not in the order of the files");
    },
  };
}
