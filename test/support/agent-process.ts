import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bareEnvironment, eventually } from "./product.ts";

const AGENT = fileURLToPath(new URL("./looping-agent.ts", import.meta.url));

export interface AgentFact {
  event: "started" | "looping" | "refused";
  atMs: number;
  runId?: string;
  name?: string;
  message?: string;
}

export interface AgentProcess {
  process: ChildProcess;
  facts: AgentFact[];
  /** The nth fact of a kind, from 0, once it is told. */
  fact(event: AgentFact["event"], nth?: number): Promise<AgentFact>;
  stop(): Promise<void>;
}

/** Starts `looping-agent.ts`. */
export function startAgent(environment: Record<string, string>): AgentProcess {
  const env = { ...bareEnvironment(), ...environment };
  const child = spawn(process.execPath, [AGENT], { env, stdio: ["ignore", "pipe", "inherit"] });
  const facts: AgentFact[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => facts.push(JSON.parse(line)));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    process: child,
    facts,
    async fact(event, nth = 0) {
      const found = await eventually(
        async () => facts.filter((fact) => fact.event === event)[nth],
        (fact) => fact !== undefined,
        60_000,
      );
      if (found === undefined) throw new Error(`no fact ${event}`);
      return found;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}
