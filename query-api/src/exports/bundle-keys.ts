import { readFile, rm, writeFile } from "node:fs/promises";

/** Beside a bundle: the data keys whose contents are in it, a line each. It is there before the bundle is. */
export async function writeBundleKeys(bundle: string, keyIds: ReadonlySet<string>): Promise<void> {
  await writeFile(keysFile(bundle), [...keyIds].map((id) => `${id}\n`).join(""), { mode: 0o600 });
}

/** Null: nobody wrote them down. */
export async function readBundleKeys(bundle: string): Promise<ReadonlySet<string> | null> {
  const text = await readFile(keysFile(bundle), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? null : new Set(text.split("\n").filter((id) => id !== ""));
}

/** A bundle, and what lies beside it. */
export async function removeBundle(bundle: string): Promise<void> {
  await rm(bundle, { force: true });
  await rm(keysFile(bundle), { force: true });
}

function keysFile(bundle: string): string {
  return bundle.replace(/\.tar$/, ".keys");
}
