import { createReadStream } from "node:fs";

interface Source {
  lines: AsyncGenerator<string>;
  line: string;
  key: string;
}

/** A line that `mergedLines` knows the place of. @param key without tabs and newlines. @param text without newlines. */
export function keyedLine(key: string, text: string): string {
  return `${key}\t${text}\n`;
}

export function withoutKey(line: string): string {
  return line.slice(line.indexOf("\t") + 1);
}

/** The lines, without newlines, of files whose lines are in the order of their keys: in that order, of equal keys those of the first file first. A line of each in memory. */
export async function* mergedLines(paths: readonly string[]): AsyncGenerator<string> {
  const sources: Source[] = [];
  try {
    for (const path of paths) {
      const source = { lines: linesOf(path), line: "", key: "" };
      if (await advance(source)) sources.push(source);
    }
    while (sources.length > 0) {
      const next = sources.reduce((least, source) => (source.key < least.key ? source : least));
      yield next.line;
      if (!(await advance(next))) sources.splice(sources.indexOf(next), 1);
    }
  } finally {
    for (const { lines } of sources) await lines.return(undefined);
  }
}

async function advance(source: Source): Promise<boolean> {
  const { value, done } = await source.lines.next();
  if (done === true) return false;
  source.line = value;
  source.key = value.slice(0, value.indexOf("\t"));
  return true;
}

/** Split at newlines alone: what agents write may hold what else ends a line in Unicode. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, "utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
