import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openObjects } from "@runledger/storage";
import { faultOf, openSmallCollector, type Request } from "./small-collector.ts";

const PROCESS = fileURLToPath(new URL("./small-collector-process.ts", import.meta.url));
const CALLS = ["write", "pwrite64", "pwritev", "fsync", "fdatasync", "rename", "link", "unlink", "mkdir"] as const;
const REQUESTS = 4;
const AT_ONCE = 3;

/** What happens at a call: the process is killed before it is done, or the system answers that it failed. */
const FATES = ["signal=KILL", "error=EIO"] as const;
interface Point {
  call: (typeof CALLS)[number];
  /** The n-th of its name in the thread that does all file work. */
  nth: number;
  fate: (typeof FATES)[number];
}

export interface Injections {
  points: number;
  /** Of those, how often the process ended by it. */
  ended: number;
  acknowledged: number;
  /** What was wrong after recovery, with the point. */
  faults: string[];
}

export function hasStrace(): boolean {
  return spawnSync("strace", ["-V"], { stdio: "ignore" }).status === 0;
}

/**
 * Runs a collector once for each call by which it writes, syncs, links, renames or removes a file, with that call failing or the process killed
 * at it; then a collector starts on what is left, and everything acknowledged must be in a log that verifies. `everyNth`: of the points, for a
 * bounded run.
 */
export async function injectCalls(everyNth: number): Promise<Injections> {
  const found = await findPoints();
  const all = FATES.flatMap((fate) => found.map((point) => ({ ...point, fate })));
  const points = all.filter((_, i) => i % everyNth === 0);
  const result: Injections = { points: 0, ended: 0, acknowledged: 0, faults: [] };
  const waiting = [...points];
  const work = async (): Promise<void> => {
    for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) await injectAt(point, result);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return result;
}

/** The calls on files of a run where nothing fails. */
async function findPoints(): Promise<Omit<Point, "fate">[]> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-calls-"));
  const { trace } = await runTraced(dir, []);
  const points: Omit<Point, "fate">[] = [];
  const counts = new Map<string, number>();
  const calls = trace.flatMap((line) => {
    const [, thread = "", name = "", given = ""] = /^(\d+) +(\w+)\((.*)/.exec(line) ?? [];
    return name === "" ? [] : [{ thread, name, given }];
  });
  for (const { thread, name, given } of calls) {
    const call = CALLS.find((known) => known === name);
    if (call === undefined) continue;
    const nth = (counts.get(thread + name) ?? 0) + 1;
    counts.set(thread + name, nth);
    if (given.includes(dir) && !points.some((point) => point.call === call && point.nth === nth))
      points.push({ call, nth });
  }
  await rm(dir, { recursive: true });
  return points;
}

async function injectAt(point: Point, result: Injections): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "runledger-calls-"));
  const { call, nth, fate } = point;
  const { acknowledged, code } = await runTraced(dir, ["-e", `inject=${call}:${fate}:when=${nth}`]);
  const objects = await openObjects(`file:${dir}/objects`);
  const places = { dir, objects, seals: true, attempts: 1, clock: () => 1n };
  const fault = await recovered(places, acknowledged).catch((error: unknown) => `no recovery: ${String(error)}`);
  result.points++;
  result.ended += code === 0 ? 0 : 1;
  result.acknowledged += acknowledged.length;
  if (fault !== null) result.faults.push(`${call} ${nth} ${fate}: ${fault}`);
  await rm(dir, { recursive: true });
}

async function recovered(places: Parameters<typeof openSmallCollector>[0], acknowledged: Request[]) {
  const collector = await openSmallCollector(places);
  await collector.follow();
  await collector.close();
  return await faultOf(places, acknowledged);
}

/** One thread for all file work, so that the n-th call is the same one each time. */
async function runTraced(
  dir: string,
  inject: string[],
): Promise<{ acknowledged: Request[]; trace: string[]; code: number | null }> {
  const tracePath = join(dir, "trace");
  const watch = ["-f", "-qq", "-y", "-s", "0", "-o", tracePath, "-e", `trace=${CALLS.join(",")}`];
  const child = spawn("strace", [...watch, ...inject, process.execPath, PROCESS, dir, "1", String(REQUESTS)], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "1", NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", (status) => resolve(status)));
  return { acknowledged: acknowledgedIn(output), trace: (await readFile(tracePath, "utf8")).split("\n"), code };
}

/** What a small collector's process has acknowledged, whole lines only. */
export function acknowledgedIn(output: string): Request[] {
  return output
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => {
      const match = /^(\d+) (\d+)$/.exec(line);
      return match === null ? [] : [{ number: Number(match[1]), records: Number(match[2]) }];
    });
}
