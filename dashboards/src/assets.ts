import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const dashboardsDir = fileURLToPath(new URL("..", import.meta.url));
const webDir = join(dashboardsDir, "web");

/** Absolute path of the built pages: `index.html` and `assets/*`. Serve `index.html` for every page address too. */
export const webAssetsDir = join(webDir, "dist");

export interface BuildWebAssetsOptions {
  /** Told once, and only when there is something to build. */
  log: (line: string) => void;
}

/**
 * Builds the pages if they are missing or older than their sources; a few seconds then, a few milliseconds otherwise.
 * An install without the sources (a container that carries only `dist`) is left as it is.
 * @returns whether a build was needed.
 */
export async function buildWebAssets({ log }: BuildWebAssetsOptions): Promise<boolean> {
  const builtAt = await modifiedAt(join(webAssetsDir, "index.html"));
  const changedAt = await newestChange([
    join(webDir, "src"),
    join(webDir, "index.html"),
    join(webDir, "vite.config.ts"),
    join(dashboardsDir, "package.json"),
  ]);
  if (builtAt >= changedAt) return false;
  log("building the web pages (first start or changed sources)");
  // Vite is heavy: loaded only when there is something to build.
  const { build } = await import("vite");
  await build({ root: webDir, configFile: join(webDir, "vite.config.ts"), logLevel: "error", mode: "production" });
  return true;
}

async function newestChange(paths: string[]): Promise<number> {
  let newest = 0;
  for (const path of paths) {
    newest = Math.max(newest, await modifiedAt(path));
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])) {
      newest = Math.max(newest, await modifiedAt(join(entry.parentPath, entry.name)));
    }
  }
  return newest;
}

/** Milliseconds since the epoch; 0 for what is not there. */
async function modifiedAt(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  return found?.mtimeMs ?? 0;
}
