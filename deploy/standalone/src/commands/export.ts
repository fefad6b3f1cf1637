import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readFile, rename, rm, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type ExportJob, exportJob, TENANT_NAME, unverifiedCheckpoint } from "@runledger/contract";
import { exportOffline } from "@runledger/query-api";
import { type Objects, objectsFolder, openObjects } from "@runledger/storage";
import { visibleText } from "@runledger/verify";
import pc from "picocolors";
import { type ApiAccess, apiAccess, askApi, reach, sendApi } from "../api-client.ts";
import type { Console } from "../program.ts";
import { type ProgressLine, progressLine } from "../progress-line.ts";
import { payloadKeysAtHand } from "./payload-keys.ts";

const FILTERS = ["since", "until", "agent", "taskType", "session", "user", "runId", "status", "outcome"] as const;
type FilterFlag = (typeof FILTERS)[number];

export type ExportFlags = Partial<Record<FilterFlag, string>> & {
  api: string;
  run?: string;
  recipient: string;
  reason: string;
  content: boolean;
  output: string;
  sinceCheckpoint: string[];
  dataDir?: string;
  objects?: string;
  shard?: string;
  tenant: string;
};

const POLL_MS = 500;
const DOWNLOAD_ATTEMPTS = 6;

/** `runledger export`: asks a running Runledger for a bundle, waits and fetches it; or makes it from a data directory. */
export async function exportCommand({ run, ...given }: ExportFlags, console: Console): Promise<void> {
  const flags = run === undefined ? given : { ...given, runId: run };
  if (await stat(flags.output).catch(() => null))
    throw new Error(`${flags.output} is there already: name another file with --output.`);
  if (!TENANT_NAME.test(flags.tenant))
    throw new Error(`--tenant: ${JSON.stringify(flags.tenant)} is no tenant's name.`);
  const line = progressLine(console);
  const request = {
    filter: Object.fromEntries(
      FILTERS.flatMap((name) => (flags[name] === undefined ? [] : [[snake(name), flags[name]]])),
    ),
    recipient: flags.recipient,
    reason: flags.reason,
    content: flags.content,
    ...(flags.shard === undefined ? {} : { shard: flags.shard }),
    ...(flags.sinceCheckpoint.length === 0
      ? {}
      : { since_checkpoints: await Promise.all(flags.sinceCheckpoint.map(earlierOf)) }),
  };
  const isOffline = flags.dataDir !== undefined || flags.objects !== undefined;
  const done = isOffline ? await makeHere(request, flags, console, line) : await askFor(request, flags, console, line);
  line.clear();
  console.stdout.write(
    `${pc.green("exported")} ${done.entries} entries of ${done.runs === 1 ? "one run" : `${done.runs} runs`} ${done.shards.length === 1 ? "" : `from ${done.shards.length} logs (${done.shards.join(", ")}) `}to ${flags.output} (${done.bytes} bytes)\nsha256 ${done.sha256}\n`,
  );
  if (done.laterEntries > 0)
    console.stderr.write(
      pc.yellow(
        `${done.laterEntries} newer entries of the logs are not in it: witnesses have not cosigned them yet. Export again in a minute to have them.\n`,
      ),
    );
  if (done.missing > 0)
    console.stderr.write(
      pc.yellow(
        `${done.missing} contents were not to be had: the bundle will be INCOMPLETE. Run \`runledger verify\` on the log.\n`,
      ),
    );
  console.stdout.write(pc.dim(`Check it: runledger verify ${flags.output} --policy policy.txt\n`));
}

interface Done {
  shards: string[];
  laterEntries: number;
  entries: number;
  runs: number;
  bytes: number;
  sha256: string;
  missing: number;
}

async function askFor(request: object, flags: ExportFlags, console: Console, line: ProgressLine): Promise<Done> {
  const api = apiAccess(flags.api, console.env);
  let job = await sendApi(api, "POST", "/v1/exports", request, exportJob);
  while (job.state === "pending" || job.state === "running") {
    line.show(wordsOf(job), job.progress === null ? null : job.progress.scanned / Math.max(1, job.progress.total));
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    job = await askApi(api, `/v1/exports/${job.export_id}`, exportJob);
  }
  if (job.state !== "done") throw new Error(`The export failed: ${visibleText(job.error ?? job.state)}`);
  const partial = `${flags.output}.partial`;
  await download(api, job, partial, line);
  const sha256 = await sha256Of(partial);
  if (sha256 !== job.sha256) {
    await rm(partial);
    throw new Error("What arrived is not what was sent (another SHA-256). Nothing was kept: try again.");
  }
  await rename(partial, flags.output);
  const { shards, later_entries, entries, runs, missing_payloads, size_bytes } = job;
  return {
    shards,
    laterEntries: later_entries,
    entries: entries ?? 0,
    runs: runs ?? 0,
    bytes: size_bytes ?? 0,
    sha256,
    missing: missing_payloads ?? 0,
  };
}

/** Goes on where a broken connection left off. */
async function download(api: ApiAccess, job: ExportJob, file: string, line: ProgressLine): Promise<void> {
  const total = job.size_bytes ?? 0;
  for (let attempt = 1; ; attempt++) {
    const have = (await stat(file).catch(() => null))?.size ?? 0;
    if (have === total) return;
    try {
      const response = await reach(api, `/v1/exports/${job.export_id}/bundle`, { range: `bytes=${have}-` });
      if (!response.ok || response.body === null)
        throw new Error(`The bundle's download was answered with ${response.status}.`);
      let at = have;
      const counted = async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          at += chunk.length;
          line.show("fetching", at / Math.max(1, total));
          yield chunk;
        }
      };
      await pipeline(response.body, counted, createWriteStream(file, { flags: "a", mode: 0o600 }));
    } catch (error) {
      if (attempt === DOWNLOAD_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS * attempt));
    }
  }
}

async function makeHere(
  request: {
    filter: Record<string, string | undefined>;
    recipient: string;
    reason: string;
    content: boolean;
    since_checkpoints?: { origin: string; size: number }[];
  },
  flags: ExportFlags,
  console: Console,
  line: ProgressLine,
): Promise<Done> {
  const location = flags.objects ?? `file:${flags.dataDir}/objects`;
  const objects = await openObjects(location, { access: "read" });
  const keysFrom = { dataDir: flags.dataDir ?? null, env: console.env };
  const warn = (message: string): void => void console.stderr.write(pc.yellow(`warning: ${message}\n`));
  const done = await exportOffline(
    objects,
    await payloadKeysAtHand(objects, { ...keysFrom, warn }),
    { ...request, tenant: flags.tenant, exporter: userInfo().username, nowMs: Date.now() },
    flags.output,
    ({ stage, scanned, total }) => line.show(stage, scanned / Math.max(1, total)),
    {
      open: () => openToNote(location),
      onEnd: (error) => {
        if (error !== null)
          warn(`this export will not be on record: ${error instanceof Error ? error.message : error}`);
        else console.stderr.write(pc.dim("The log has it (export.create) soon after Runledger runs on this store.\n"));
      },
    },
  );
  const { entries, runs } = done.summary;
  return {
    shards: done.shards,
    laterEntries: done.laterEntries,
    entries,
    runs,
    bytes: done.sizeBytes,
    sha256: done.sha256,
    missing: done.missingPayloads,
  };
}

/**
 * What we write in a service's folder as another system user locks the service out of it. A copy, on which none has run, stays as it is.
 * @throws Error
 */
async function openToNote(location: string): Promise<Objects> {
  const folder = objectsFolder(location);
  if (folder !== null) {
    const { uid } = await stat(folder);
    const hasRun = await stat(join(folder, ".lock")).catch(() => null);
    if (hasRun === null || uid !== (process.getuid?.() ?? uid))
      throw new Error("run it as the user of Runledger, on its own store");
  }
  return await openObjects(location);
}

function wordsOf({ state, progress }: ExportJob): string {
  if (progress === null) return state === "pending" ? "waiting for another export" : "starting";
  return progress.stage === "selecting" ? "selecting" : `writing, ${progress.entries} entries`;
}

async function earlierOf(checkpointFile: string): Promise<{ origin: string; size: number }> {
  const { origin, size } = unverifiedCheckpoint(await readFile(checkpointFile));
  return { origin, size };
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
