import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROJECT = fileURLToPath(new URL("../integrations/", import.meta.url));
const INSTALL_TIMEOUT_MS = 600_000;

/** Other people's packages for test/integrations, as their lock file says; at once when they are there. @throws Error that tells what to do. */
export async function installPackages(signal: AbortSignal): Promise<void> {
  const [wanted, installed] = await Promise.all([
    changedMs(`${PROJECT}package-lock.json`),
    changedMs(`${PROJECT}node_modules/.package-lock.json`),
  ]);
  if (installed >= wanted) return;
  process.stderr.write("installing the packages of test/integrations (once, and when their lock file changes)…\n");
  const flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const options = { cwd: PROJECT, timeout: INSTALL_TIMEOUT_MS, signal };
  await promisify(execFile)("npm", flags, options).catch((cause: unknown) => {
    throw new Error(`no packages for test/integrations; try: cd test/integrations && npm ${flags.join(" ")}`, {
      cause,
    });
  });
}

async function changedMs(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return 0; // not there yet
  }
}
