import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const REQUIREMENTS = fileURLToPath(new URL("./python/requirements.txt", import.meta.url));
const INSTALL_TIMEOUT_MS = 600_000;
const NO_NETWORK =
  /NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable/;

/** A Python that has the packages already: for trying out, and for machines without a network. */
const GIVEN = process.env["TEST_PYTHON"];

/** A Python with the packages of python/requirements.txt, made in `dir`; or why this machine can't have it. @throws Error when a package can't be installed. */
export async function pythonEnvironment(dir: string): Promise<{ python: string } | { missing: string }> {
  if (GIVEN !== undefined) return { python: GIVEN };
  try {
    await run("python3", ["-m", "venv", join(dir, "venv")]);
  } catch (error) {
    return { missing: `no python3 with its venv module: ${String(error)}` };
  }
  const python = join(dir, "venv", "bin", "python");
  const install = ["-m", "pip", "install", "--quiet", "--retries", "1", "--requirement", REQUIREMENTS];
  try {
    await run(python, install, { timeout: INSTALL_TIMEOUT_MS });
  } catch (error) {
    if (NO_NETWORK.test(String(error))) return { missing: "PyPI can't be reached" };
    throw error;
  }
  return { python };
}
