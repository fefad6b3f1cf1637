import { once } from "node:events";
import { createReadStream, createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { finished } from "node:stream/promises";
import { canonicalJson, type RunledgerRecord } from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";
import { ocsfEvent } from "./ocsf.ts";

/** `derived/ocsf.jsonl`, on its way: of several logs in order of the times of receipt. */
export interface OcsfFile {
  /** In the order of each log. */
  add(log: ExportLog, index: number, record: RunledgerRecord): Promise<void>;
  /** @returns the path of the whole. */
  finish(): Promise<string>;
}

interface Part {
  stream: WriteStream;
  path: string;
  done: Promise<void>;
}

export function createOcsfFile(directory: string, logs: readonly ExportLog[]): OcsfFile {
  const parts = new Map(logs.map((log, i) => [log, openPart(join(directory, `ocsf-${i}.jsonl`))]));
  const isOne = logs.length === 1;
  return {
    async add(log, index, record) {
      const event = ocsfEvent(index, record, isOne ? null : log.shard);
      const part = parts.get(log);
      if (event === null || part === undefined) return;
      // Where parts are merged later, a line tells when its record came.
      await writeText(part, `${isOne ? "" : `${record.received_time}\t`}${jsonLine(event)}\n`);
    },
    async finish() {
      const all = [...parts.values()];
      await Promise.all(all.map(close));
      const [only] = all;
      if (isOne && only !== undefined) return only.path;
      const whole = openPart(join(directory, "ocsf.jsonl"));
      for await (const line of merged(all.map(({ path }) => path))) await writeText(whole, `${line}\n`);
      await close(whole);
      return whole.path;
    },
  };
}

/** Without the separators of lines and paragraphs that JSON may hold as they are, and at which many readers of lines split too. */
function jsonLine(event: object): string {
  return canonicalJson(event).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** The lines of files whose lines begin with a time and a tab, by it and without it; a line of each in memory. */
async function* merged(paths: readonly string[]): AsyncGenerator<string> {
  const sources: { lines: AsyncIterator<string>; line: string }[] = [];
  for (const path of paths) {
    const reader: Interface = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
    const lines = reader[Symbol.asyncIterator]();
    const { value, done } = await lines.next();
    if (done !== true) sources.push({ lines, line: value });
  }
  while (sources.length > 0) {
    const next = sources.reduce((least, source) => (timeOf(source.line) < timeOf(least.line) ? source : least));
    yield next.line.slice(next.line.indexOf("\t") + 1);
    const { value, done } = await next.lines.next();
    if (done === true) sources.splice(sources.indexOf(next), 1);
    else next.line = value;
  }
}

function timeOf(line: string): string {
  return line.slice(0, line.indexOf("\t"));
}

function openPart(path: string): Part {
  const stream = createWriteStream(path, { flags: "wx", mode: 0o600 });
  const done = finished(stream);
  done.catch(() => undefined); // seen where it is awaited
  return { stream, path, done };
}

async function writeText({ stream, done }: Part, text: string): Promise<void> {
  if (stream.write(text)) return;
  await Promise.race([once(stream, "drain"), done]);
}

async function close({ stream, done }: Part): Promise<void> {
  stream.end();
  await done;
}
