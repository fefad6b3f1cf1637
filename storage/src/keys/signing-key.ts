import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { link, open, readFile, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { createNoteSigner, formatVerifierKey, type NoteSigner } from "@runledger/contract";
import { makeDirectory, syncDirectory } from "../durable/directory-sync.ts";
import { StorageError } from "../error.ts";
import { type KeptNote, openKeptNote } from "./kept-note.ts";

/** The Ed25519 key of a log. Whoever has its file can write the log's history anew: it never leaves the collector. */
export interface SigningKey {
  /** The log's name, and the name its checkpoints are signed under. */
  readonly origin: string;
  /** Public: what verifiers are given, `origin+key id+key`. */
  readonly verifierKey: string;
  readonly signer: NoteSigner;
  /** Signs notes of another kind under `<origin>/<purpose>`; their text must not be a checkpoint's. */
  signerFor(purpose: string): NoteSigner;
  verifierKeyFor(purpose: string): string;
  /** The last checkpoint it signed, kept beside it: a log's store that was set back must not make it sign another history. */
  readonly lastSigned: KeptNote;
}

/** Ed25519 private keys in PKCS #8 are this, and then the seed. RFC 8410, section 7. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SEED_BYTES = 32;

/**
 * Loads the key at `path`, or makes one named `origin` when there is none; two starters at once end with the same key.
 * The file (mode 0600) holds a line `PRIVATE+KEY+<origin>+<key id>+<base64 of 0x01 and the seed>`.
 * @throws StorageError `damaged` when the file is not a whole key, `rejected` or `unavailable` when it can't be read or written.
 */
export async function loadOrCreateSigningKey(path: string, origin: string): Promise<SigningKey> {
  const text = await readKeyFile(path);
  if (text !== null) return parseKeyFile(path, text);
  const seed = generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" }).subarray(-SEED_BYTES);
  await writeKeyFile(path, formatKeyFile(origin, seed));
  const written = await readKeyFile(path);
  if (written === null) throw new StorageError("unavailable", `the signing key ${path} vanished`);
  return parseKeyFile(path, written);
}

function parseKeyFile(path: string, text: string): SigningKey {
  const [, origin = "", keyId = "", key = ""] = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+(\S+)\n$/.exec(text) ?? [];
  const bytes = Buffer.from(key, "base64");
  const seed = bytes.subarray(1);
  // The key id is a hash of name and public key, so it shows a change of either.
  if (seed.length !== SEED_BYTES || formatKeyFile(origin, seed) !== text || keyId === "") {
    throw new StorageError(
      "damaged",
      `the signing key ${path} is damaged; restore it from a backup. Starting with another key starts another log: move the file away for that`,
    );
  }
  const privateKey = keyOfSeed(seed);
  return {
    origin,
    verifierKey: formatVerifierKey(origin, privateKey),
    signer: createNoteSigner(origin, privateKey),
    signerFor: (purpose) => createNoteSigner(`${origin}/${purpose}`, privateKey),
    verifierKeyFor: (purpose) => formatVerifierKey(`${origin}/${purpose}`, privateKey),
    lastSigned: openKeptNote(`${path}.signed`),
  };
}

function formatKeyFile(origin: string, seed: Uint8Array): string {
  const keyId = formatVerifierKey(origin, keyOfSeed(seed)).split("+")[1];
  return `PRIVATE+KEY+${origin}+${keyId}+${Buffer.concat([Buffer.of(1), seed]).toString("base64")}\n`;
}

function keyOfSeed(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
}

async function readKeyFile(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return null;
    throw new StorageError("rejected", `the signing key ${path} can't be read: ${errorCode(cause)}`, cause);
  }
}

/** Whole or not at all: written aside, fsynced, linked. A key that was used to sign must not be lost with the power. */
async function writeKeyFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
  try {
    await makeDirectory(dirname(path), 0o700);
    const handle = await open(temporary, "wx", 0o600);
    await handle.writeFile(text);
    await handle.sync();
    await handle.close();
    await link(temporary, path).catch((error) => {
      if (errorCode(error) !== "EEXIST") throw error;
    });
    await unlink(temporary);
    await syncDirectory(dirname(path));
  } catch (cause) {
    throw new StorageError("unavailable", `the signing key ${path} can't be written: ${errorCode(cause)}`, cause);
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
