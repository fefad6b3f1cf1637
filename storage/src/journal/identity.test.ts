import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { journalIdentity } from "./identity.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-identity-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("a journal's identity", () => {
  it("is made once, also by many at the same time, and leaves nothing else behind", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => journalIdentity(dir)));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(await journalIdentity(dir)).toBe(ids[0]);
    expect(await readdir(dir)).toEqual(["id"]);
  });

  it("is refused when it is damaged", async () => {
    await writeFile(join(dir, "id"), "nonsense");
    await expect(journalIdentity(dir)).rejects.toThrow(/not a journal's name/);
  });
});
