import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openObjects } from "@runledger/storage";
import { acknowledgedIn } from "./injected-calls.ts";
import { faultOf, openSmallCollector, type Request } from "./small-collector.ts";

const PROCESS = fileURLToPath(new URL("./small-collector-process.ts", import.meta.url));

export interface KillSmallSettings {
  kills: number;
  /** Kills between two looks at everything, after which it begins with an empty directory. */
  killsPerDirectory: number;
  /** From its first answer a process lives between 0 and this; every fourth is killed while it starts. */
  maxLifeMs: number;
  random: () => number;
  log: (line: string) => void;
}

export interface KillSmallResult {
  kills: number;
  requests: number;
  records: number;
}

/**
 * Kills a collector's journal and audit log with -9 at random moments under load, starts it again on what is left, sends again what was not answered. Then
 * each acknowledged record must be in a log that verifies, once. @throws Error that tells what is not so.
 */
export async function killSmall(settings: KillSmallSettings): Promise<KillSmallResult> {
  const result: KillSmallResult = { kills: 0, requests: 0, records: 0 };
  while (result.kills < settings.kills) {
    const dir = await mkdtemp(join(tmpdir(), "runledger-kill-small-"));
    const acknowledged = new Map<number, Request>();
    for (let kill = 0; kill < settings.killsPerDirectory && result.kills < settings.kills; kill++) {
      let first = 1;
      while (acknowledged.has(first)) first++;
      const isEarly = result.kills % 4 === 3;
      for (const request of await lifeOf(dir, first, settings, isEarly)) acknowledged.set(request.number, request);
      result.kills++;
    }
    const places = { dir, objects: await openObjects(`file:${dir}/objects`), seals: true, attempts: 1 };
    const collector = await openSmallCollector({ ...places, clock: () => 1n });
    await collector.follow();
    await collector.close();
    const fault = await faultOf(places, acknowledged.values());
    if (fault !== null) throw new Error(`after ${result.kills} kills, ${dir}: ${fault}`);
    result.requests += acknowledged.size;
    for (const { records } of acknowledged.values()) result.records += records;
    settings.log(`${result.kills} kills: ${result.requests} requests, ${result.records} records, 0 lost`);
    await rm(dir, { recursive: true });
  }
  return result;
}

/** One process from its start to its death. @returns what it acknowledged. */
async function lifeOf(dir: string, first: number, settings: KillSmallSettings, isEarly: boolean): Promise<Request[]> {
  const child = spawn(process.execPath, [PROCESS, dir, String(first)], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let [output, errors] = ["", ""];
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("ready")) resolve();
    });
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const life = settings.random() * settings.maxLifeMs;
  if (!isEarly) await Promise.race([ready, closed]);
  await sleep(isEarly ? life * 2 : life);
  child.kill("SIGKILL");
  await closed;
  if (errors !== "") throw new Error(`the collector in ${dir} failed by itself: ${errors}`);
  return acknowledgedIn(output);
}
