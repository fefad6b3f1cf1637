import { createHash, randomBytes } from "node:crypto";
import { createRunFacts, parseTarHeader, runsJson, summaryJson, tarHeader, tarPadding } from "@runledger/contract";

/** The files of a bundle, in order. */
export type TarFiles = readonly (readonly [path: string, bytes: Buffer])[];

export function readTar(tar: Buffer): TarFiles {
  const files: [string, Buffer][] = [];
  for (let from = 0; ; ) {
    const header = parseTarHeader(tar.subarray(from, from + 512));
    if (header === null) return files;
    files.push([header.path, tar.subarray(from + 512, from + 512 + header.size)]);
    from += 512 + header.size + tarPadding(header.size);
  }
}

export function writeTar(files: TarFiles): Buffer {
  const parts = files.flatMap(([path, bytes]) => [
    tarHeader(path, bytes.length),
    bytes,
    Buffer.alloc(tarPadding(bytes.length)),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** As somebody without the log's key can make it: with sums that fit. */
export function withSums(files: TarFiles): TarFiles {
  const others = files.filter(([path]) => path !== "SHA256SUMS");
  const sums = others.map(([path, bytes]) => `${createHash("sha256").update(bytes).digest("hex")}  ${path}\n`);
  return [...others, ["SHA256SUMS", Buffer.from(sums.join(""))]];
}

export function change(files: TarFiles, changes: Record<string, (bytes: Buffer) => Buffer | null>): TarFiles {
  return files.flatMap(([path, bytes]): [string, Buffer][] => {
    const changed = path in changes ? (changes[path] as (bytes: Buffer) => Buffer | null)(bytes) : bytes;
    return changed === null ? [] : [[path, changed]];
  });
}

export function fileOf(files: TarFiles, path: string): Buffer {
  const found = files.find(([name]) => name === path);
  if (found === undefined) throw new Error(`no ${path} in the bundle`);
  return found[1];
}

export function linesOf(bytes: Buffer): string[] {
  return bytes.toString().split("\n").slice(0, -1);
}

export function editLines(edit: (lines: string[]) => string[]): (bytes: Buffer) => Buffer {
  return (bytes) =>
    Buffer.from(
      edit(linesOf(bytes))
        .map((line) => `${line}\n`)
        .join(""),
    );
}

/** With runs.json, summary.json and sums made anew from the entries in `range`, as a careful forger would. */
export function withFacts(files: TarFiles, [first, end]: [number, number] = [0, Number.POSITIVE_INFINITY]): TarFiles {
  const manifest = fileOf(files, "bundle.json");
  const ofSeveral = manifest.includes('"runledger-bundle/2"');
  const facts = createRunFacts(randomBytes(16), { ofSeveral, sums: manifest.includes('"sums":2') ? 2 : undefined });
  for (const [path, bytes] of files) {
    const [, shard] = /^(?:logs\/([^/]+)\/)?entries\//.exec(path) ?? [null, null];
    if (shard === null) continue;
    for (const line of linesOf(bytes)) {
      const [index, entry] = JSON.parse(line);
      if (index >= first && index < end) facts.add(index, entry, shard);
    }
  }
  const texts: Record<string, string> = {
    "runs.json": [...runsJson(facts.runs())].join(""),
    "summary.json": summaryJson(facts.summary()),
  };
  return withSums(files.map(([path, bytes]) => [path, path in texts ? Buffer.from(texts[path] ?? "") : bytes]));
}
