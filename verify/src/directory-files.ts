import { createReadStream } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BUNDLE_FILES, type Findings, parseBundlePath } from "@runledger/contract";
import { BrokenBundleError, type BundleFile } from "./bundle-file.ts";

const MAX_SUMS_BYTES = 64 * 1024 * 1024;

/** The files of an unpacked bundle in the order of its SHA256SUMS. Links are not followed; files that are not listed are findings. @throws BrokenBundleError. */
export async function* directoryFiles(directory: string, findings: Findings): AsyncGenerator<BundleFile> {
  const listed = await listedPaths(directory);
  for (const path of [...listed, BUNDLE_FILES.sums]) {
    if (parseBundlePath(path) === null) {
      findings.add("TAMPERED", path, "no bundle has a file of this name");
      continue;
    }
    const status = await lstat(join(directory, path)).catch(nullWhenAbsent);
    if (status === null) continue; // SHA256SUMS tells that it is missing
    if (!status.isFile()) {
      findings.add("TAMPERED", path, "it is no file");
      continue;
    }
    yield { path, sizeBytes: status.size, content: createReadStream(join(directory, path)) };
  }
  const known = new Set([...listed, BUNDLE_FILES.sums]);
  for (const path of await allFiles(directory, "")) {
    if (!known.has(path)) findings.add("TAMPERED", path, "it is not in SHA256SUMS");
  }
}

async function listedPaths(directory: string): Promise<string[]> {
  const path = join(directory, BUNDLE_FILES.sums);
  const status = await lstat(path).catch(nullWhenAbsent);
  if (status === null || !status.isFile())
    throw new BrokenBundleError("UNREADABLE", directory, "there is no SHA256SUMS: it is no bundle, nor a log");
  if (status.size > MAX_SUMS_BYTES)
    throw new BrokenBundleError("UNREADABLE", path, "it is larger than 64 MiB, which no bundle's is");
  const lines = (await readFile(path, "utf8")).split("\n");
  return lines.flatMap((line) => /^[0-9a-f]{64} {2}(.+)$/.exec(line)?.[1] ?? []);
}

async function allFiles(directory: string, below: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
    const path = `${below}${entry.name}`;
    if (entry.isDirectory()) found.push(...(await allFiles(directory, `${path}/`)));
    else found.push(path);
  }
  return found;
}

function nullWhenAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
  throw error;
}
