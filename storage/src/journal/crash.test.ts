import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JournalEntry } from "./journal.ts";
import { openJournalReader } from "./reader.ts";
import { openJournalWriter } from "./writer.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "journal-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

const warnings: string[] = [];
const settings = { followers: ["audit"], warn: (message: string) => warnings.push(message) };

function entry(text: string): JournalEntry {
  return {
    signal: "traces",
    format: "json",
    encoding: "identity",
    tenant: "t",
    receivedUnixNano: 5n,
    body: Buffer.from(text),
  };
}

async function readAll(from: string, firstSeq = 1): Promise<string[]> {
  const reader = openJournalReader(from);
  const bodies: string[] = [];
  try {
    for (let seq = firstSeq; ; ) {
      const frames = await reader.read(seq, 1_000);
      if (frames.length === 0) return bodies;
      for (const frame of frames) bodies.push(Buffer.from(frame.body).toString());
      seq += frames.length;
    }
  } finally {
    await reader.close();
  }
}

/** A journal of three groups and, from `tail` on, a last one: as a crash finds it before anybody was told of the last group. */
async function writeGroups(): Promise<{ segment: string; committed: Buffer; whole: Buffer }> {
  const writer = await openJournalWriter(dir, settings);
  for (const group of [["a1", "a2"], ["b1"], ["c1", "c2", "c3"]])
    await Promise.all(group.map((text) => writer.append(entry(text))));
  await writer.close();
  const segment = join(dir, (await readdir(dir)).find((name) => name.endsWith(".segment")) ?? "");
  const committed = await readFile(segment);
  const again = await openJournalWriter(dir, settings);
  await Promise.all(["d1", "d2"].map((text) => again.append(entry(text))));
  await again.close();
  const MARKER_BYTES = 48;
  const whole = await readFile(segment);
  return { segment, committed, whole: whole.subarray(0, whole.length - MARKER_BYTES) };
}

async function copyOf(bytes: Buffer, segment: string, name: string): Promise<string> {
  const copy = join(dir, name);
  await mkdir(copy, { recursive: true });
  await writeFile(join(copy, segment.slice(dir.length + 1)), bytes);
  return copy;
}

const FIRST_SIX = ["a1", "a2", "b1", "c1", "c2", "c3"];

describe("a write that a crash tore", () => {
  test("is cut at whatever byte it ends, what was committed stays, and the journal goes on", async () => {
    const { segment, committed, whole } = await writeGroups();
    for (let end = committed.length; end < whole.length; end += 1) {
      const copy = await copyOf(whole.subarray(0, end), segment, "copy");
      expect(await readAll(copy), `before recovery, cut at ${end}`).toEqual(FIRST_SIX);
      const writer = await openJournalWriter(copy, settings);
      const { lastSeq } = writer.stats();
      expect([6, 7]).toContain(lastSeq);
      expect(await writer.append(entry("next"))).toBe(lastSeq + 1);
      await writer.close();
      expect(await readAll(copy), `cut at ${end}`).toEqual([...FIRST_SIX, ...["d1"].slice(0, lastSeq - 6), "next"]);
    }
    expect(warnings.length).toBeGreaterThan(0);
  });

  test("is cut when pages of it are zeros, even when later ones are not", async () => {
    const { segment, committed, whole } = await writeGroups();
    for (let at = committed.length; at < whole.length; at += 7) {
      const torn = Buffer.from(whole);
      torn.fill(0, at, Math.min(at + 20, torn.length));
      const copy = await copyOf(torn, segment, `zeros-${at}`);
      const writer = await openJournalWriter(copy, settings);
      await writer.close();
      expect((await readAll(copy)).slice(0, 6)).toEqual(FIRST_SIX);
    }
    const copy = await copyOf(Buffer.concat([committed, Buffer.alloc(4096)]), segment, "zero-tail");
    const writer = await openJournalWriter(copy, settings);
    expect(await writer.append(entry("next"))).toBe(7);
    await writer.close();
    expect(await readAll(copy)).toEqual([...FIRST_SIX, "next"]);
  });

  test("is kept when its frames are whole, though no marker tells of them", async () => {
    const { segment, whole } = await writeGroups();
    const copy = await copyOf(whole, segment, "copy");
    expect(await readAll(copy)).toEqual(FIRST_SIX);
    await (await openJournalWriter(copy, settings)).close();
    expect(await readAll(copy)).toEqual([...FIRST_SIX, "d1", "d2"]);
  });
});

describe("a damaged journal", () => {
  test("is refused at start and by readers, whichever committed byte was flipped", async () => {
    const { segment, committed } = await writeGroups();
    const MARKER_BYTES = 48;
    for (let at = 0; at < committed.length - MARKER_BYTES; at += 1) {
      const flipped = Buffer.from(committed);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const copy = await copyOf(flipped, segment, "copy");
      await expect(openJournalWriter(copy, settings), `writer, byte ${at}`).rejects.toMatchObject({
        code: "damaged",
        message: expect.stringContaining("Restore the file"),
      });
      await expect(readAll(copy), `reader, byte ${at}`).rejects.toMatchObject({ code: "damaged" });
    }
  });

  test("is refused when a frame was taken out", async () => {
    const { segment, committed } = await writeGroups();
    const frameBytes = 48 + 1 + 2;
    const without = Buffer.concat([committed.subarray(0, 24), committed.subarray(24 + frameBytes)]);
    const copy = await copyOf(without, segment, "copy");
    await expect(openJournalWriter(copy, settings)).rejects.toMatchObject({ code: "damaged" });
  });

  test("is refused when a whole segment is missing, or one was shortened", async () => {
    const writer = await openJournalWriter(dir, { ...settings, segmentBytes: 200 });
    for (let index = 0; index < 20; index += 1) await writer.append(entry(`body ${index}`));
    await writer.close();
    const [, second, third] = (await readdir(dir)).filter((name) => name.endsWith(".segment")).sort();
    const path = join(dir, second ?? "");
    await copyFile(path, join(dir, "kept"));
    await truncate(path, (await stat(path)).size - 1);
    await expect(openJournalWriter(dir, settings)).rejects.toMatchObject({ code: "damaged" });
    await copyFile(join(dir, "kept"), path);
    await (await openJournalWriter(dir, settings)).close();
    await rm(join(dir, third ?? ""));
    await expect(openJournalWriter(dir, settings)).rejects.toMatchObject({ code: "damaged" });
    await expect(readAll(dir)).rejects.toMatchObject({ code: "damaged" });
  });
});

test("a disk that fails kills the writer: every waiting append is refused, and all later ones", async () => {
  const writer = await openJournalWriter(dir, { ...settings, segmentBytes: 100 });
  await writer.append(entry("x".repeat(100)));
  // The next group begins a segment, which the missing directory does not allow.
  await rm(dir, { recursive: true });
  const outcomes = await Promise.allSettled([writer.append(entry("y")), writer.append(entry("z"))]);
  expect(outcomes).toMatchObject([{ reason: { code: "unavailable" } }, { reason: { code: "unavailable" } }]);
  await expect(writer.append(entry("later"))).rejects.toMatchObject({ code: "unavailable" });
  await writer.close();
  await mkdir(dir);
});

test("a reader in another thread follows a writer at work", async () => {
  const TOTAL = 3_000;
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.module).then(async ({ openJournalReader }) => {
      const reader = openJournalReader(workerData.dir);
      let seq = 1;
      while (seq <= ${TOTAL}) {
        const frames = await reader.read(seq, 4_000);
        for (const frame of frames) {
          if (frame.seq !== seq || Buffer.from(frame.body).toString() !== "body " + seq) throw new Error("wrong frame at " + seq);
          seq += 1;
        }
        if (frames.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      parentPort.postMessage(seq - 1);
    });`;
  const worker = new Worker(code, {
    eval: true,
    workerData: { dir, module: new URL("./reader.ts", import.meta.url).href },
  });
  const finished = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  const writer = await openJournalWriter(dir, { ...settings, segmentBytes: 20_000 });
  for (let seq = 1; seq <= TOTAL; seq += 30) {
    await Promise.all(Array.from({ length: 30 }, (_, index) => writer.append(entry(`body ${seq + index}`))));
  }
  await writer.close();
  expect(await finished).toBe(TOTAL);
  await worker.terminate();
});

test("kill -9 at any moment loses nothing that was acknowledged", async () => {
  const code = `
    import { openJournalWriter } from ${JSON.stringify(new URL("./writer.ts", import.meta.url).href)};
    const writer = await openJournalWriter(${JSON.stringify(dir)}, { followers: ["audit"], segmentBytes: 30_000, warn: () => undefined });
    const append = async () => {
      for (;;) {
        const text = crypto.randomUUID() + "x".repeat(Math.random() * 5_000);
        const seq = await writer.append({ signal: "traces", format: "json", encoding: "identity", tenant: "t", receivedUnixNano: 5n, body: Buffer.from(text) });
        process.stdout.write(seq + " " + text.slice(0, 36) + "\\n");
      }
    };
    for (let loop = 0; loop < 8; loop += 1) append();`;
  const acknowledged = new Map<number, string>();
  for (let round = 0; round < 5; round += 1) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = new Promise((resolve) => child.once("close", resolve));
    for await (const line of createInterface(child.stdout)) {
      const [seq, id] = line.split(" ");
      if (id?.length !== 36) continue;
      expect(acknowledged.has(Number(seq))).toBe(false);
      acknowledged.set(Number(seq), id);
      if (acknowledged.size >= (round + 1) * 100) child.kill("SIGKILL");
    }
    await closed;
  }
  await (await openJournalWriter(dir, settings)).close();
  const bodies = await readAll(dir);
  expect(acknowledged.size).toBeGreaterThan(200);
  for (const [seq, id] of acknowledged) expect(bodies[seq - 1]?.slice(0, 36)).toBe(id);
});
