import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Objects } from "../objects/objects.ts";
import { openObjects } from "../objects/open-objects.ts";
import { type KeyBook, type NewKey, openKeyBook } from "./key-book.ts";
import { newKeyId } from "./key-secret.ts";

const HOUR_MS = 3_600_000;
const INSTALLATION_KEY = "the key of the installation";

let dir: string;
let objects: Objects;
let nowMs: number;
let books: KeyBook[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "keys-"));
  objects = await openObjects(`file:${dir}`);
  nowMs = 1_800_000_000_000;
  books = [];
});
afterEach(async () => {
  await Promise.all(books.map((book) => book.close()));
  await rm(dir, { recursive: true, force: true });
});

async function open(installationKey: string | null = null): Promise<KeyBook> {
  const book = await openKeyBook(objects, { installationKey, clock: () => nowMs, onError: () => undefined });
  books.push(book);
  return book;
}

function key(more: Partial<NewKey> = {}): NewKey {
  return {
    keyId: newKeyId(),
    name: "ann",
    roles: ["viewer"],
    tenant: "acme",
    expiresMs: null,
    createdBy: "root",
    ...more,
  };
}

const bearer = (secret: string) => `Bearer ${secret}`;

test("a key is found by its secret, as Bearer or as password, and by nothing else", async () => {
  const book = await open();
  expect(book.isEnforced()).toBe(false);
  const { key: made, secret } = await book.create(key({ roles: ["investigator"] }));
  expect(secret).toMatch(/^rlk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
  expect(book.isEnforced()).toBe(true);
  const principal = {
    keyId: made.key_id,
    name: "ann",
    roles: new Set(["viewer", "investigator"]),
    tenant: "acme",
    everyTenant: false,
  };
  expect(book.identify(bearer(secret))).toMatchObject({ principal });
  expect(book.identify(`Basic ${Buffer.from(`me:${secret}`).toString("base64")}`)).toMatchObject({ principal });
  expect(book.identify(null)).toEqual({ refused: "missing" });
  expect(book.identify("Bearer nonsense")).toEqual({ refused: "unknown" });
  for (let at = 0; at < secret.length; at++) {
    const other = `${secret.slice(0, at)}${secret[at] === "a" ? "b" : "a"}${secret.slice(at + 1)}`;
    expect(book.identify(bearer(other))).toEqual({ refused: "unknown" });
  }
});

test("no secret is kept anywhere", async () => {
  const { secret } = await (await open()).create(key());
  const kept = await readFile(join(dir, "state/keys.json"), "utf8");
  expect(kept).not.toContain(secret);
  expect(kept).not.toContain(secret.slice(-43));
});

test("the installation's own key is an admin of every tenant, with or without other keys", async () => {
  const book = await open(INSTALLATION_KEY);
  expect(book.isEnforced()).toBe(true);
  expect(book.identify(bearer(INSTALLATION_KEY))).toMatchObject({
    principal: { keyId: null, name: "RUNLEDGER_API_KEY", everyTenant: true, tenant: "default" },
  });
  expect(book.identify(bearer(`${INSTALLATION_KEY}x`))).toEqual({ refused: "unknown" });
});

test("a key of every tenant is of the default one until it names another", async () => {
  const book = await open();
  const { secret } = await book.create(key({ tenant: "*" }));
  expect(book.identify(bearer(secret))).toMatchObject({ principal: { tenant: "default", everyTenant: true } });
});

test("a key expires at its time, to the millisecond", async () => {
  const book = await open();
  const { secret } = await book.create(key({ expiresMs: nowMs + 1_000 }));
  nowMs += 999;
  expect(book.identify(bearer(secret))).toHaveProperty("principal");
  nowMs += 1;
  expect(book.identify(bearer(secret))).toEqual({ refused: "expired" });
});

test("a rotated key takes both secrets while they overlap, then the new one alone", async () => {
  const book = await open();
  const { key: made, secret: first } = await book.create(key());
  const second = (await book.rotate(made.key_id, HOUR_MS))?.secret ?? "";
  expect(second).not.toBe(first);
  for (const secret of [first, second])
    expect(book.identify(bearer(secret))).toMatchObject({ principal: { keyId: made.key_id } });
  nowMs += HOUR_MS;
  expect(book.identify(bearer(first))).toEqual({ refused: "rotated" });
  expect(book.identify(bearer(second))).toHaveProperty("principal");
  const third = (await book.rotate(made.key_id, 0))?.secret ?? "";
  expect(book.identify(bearer(second))).toEqual({ refused: "unknown" });
  expect(book.identify(bearer(third))).toHaveProperty("principal");
});

test("a revoked key is refused for ever, and a new secret does not bring it back", async () => {
  const book = await open();
  const { key: made, secret } = await book.create(key());
  expect(book.identify(bearer(secret))).toHaveProperty("principal");
  await book.revoke(made.key_id);
  expect(book.identify(bearer(secret))).toEqual({ refused: "revoked" });
  await expect(book.rotate(made.key_id, 0)).rejects.toMatchObject({ code: "conflict" });
  expect(await book.revoke("0000000000000000")).toBeNull();
  expect(book.isEnforced()).toBe(true);
});

test("what one process changes another knows within seconds", async () => {
  const [one, other] = [await open(), await open()];
  const { key: made, secret } = await one.create(key());
  await vi.waitFor(() => expect(other.identify(bearer(secret))).toHaveProperty("principal"), { timeout: 10_000 });
  await one.revoke(made.key_id);
  await vi.waitFor(() => expect(other.identify(bearer(secret))).toEqual({ refused: "revoked" }), { timeout: 10_000 });
});

test("two processes that make keys at once lose none", async () => {
  const [one, other] = [await open(), await open()];
  await Promise.all(
    Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? one : other).create(key({ name: `key ${i}` }))),
  );
  expect((await one.keys()).keys.map(({ name }) => name).sort()).toEqual(
    Array.from({ length: 10 }, (_, i) => `key ${i}`),
  );
});

test("the store knows when a key was used last, to the hour", async () => {
  const book = await open();
  const { key: made, secret } = await book.create(key());
  nowMs += HOUR_MS / 2;
  book.identify(bearer(secret));
  const hour = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  expect((await book.keys()).lastUsedMs).toEqual({ [made.key_id]: hour });
  await book.close();
  expect((await (await open()).keys()).lastUsedMs).toEqual({ [made.key_id]: hour });
});

test("revoked and expired keys make room, active ones never", async () => {
  const book = await open();
  const { key: gone } = await book.create(key());
  await book.revoke(gone.key_id);
  const many = Array.from({ length: 999 }, (_, i) => ({ ...gone, key_id: `k${i}`, revoked_ms: null }));
  const state = { version: 99, keys: [{ ...gone, revoked_ms: 1 }, ...many] };
  await objects.replace("state/keys.json", Buffer.from(JSON.stringify(state)));
  await book.create(key({ name: "last" }));
  const { keys } = await book.keys();
  expect(keys).toHaveLength(1_000);
  expect(keys.some(({ key_id }) => key_id === gone.key_id)).toBe(false);
  await expect(book.create(key())).rejects.toMatchObject({ code: "full" });
});
