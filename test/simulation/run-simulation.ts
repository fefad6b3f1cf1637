import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Runs `npm run simulate` with these arguments; its output and exit code. */
export function runSimulation(args: readonly string[]): Promise<{ code: number; output: string }> {
  const program = ["--import", path("./simulated-io.ts"), path("./simulate.ts"), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, program, { env: { ...process.env, NODE_OPTIONS: "" } }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout });
    });
  });
}
