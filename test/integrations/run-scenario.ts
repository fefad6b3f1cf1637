import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { RunDetail, StepDetail, StepList } from "@runledger/contract";
import { inject } from "vitest";
import { type Exchange, type Script, startFakeModelServer } from "../support/fake-model-server.ts";
import type { ProductUrls } from "../support/integration-product.ts";
import { traceIdsOf } from "../support/otlp-json.ts";
import { bareEnvironment, eventually, getJson, temporaryDir } from "../support/product.ts";
import { type Sent, startRecordingProxy } from "../support/recording-proxy.ts";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));
/** Set to a folder, the OTLP requests of each scenario are written there, in OTLP/JSON. */
const CAPTURE = process.env["CAPTURE"];
const SCENARIO_TIMEOUT_MS = 45_000;

/** One run that came out: its facts, and its steps with their content, in order. */
export interface RunSeen {
  run: RunDetail;
  steps: StepDetail[];
}

export interface Outcome extends RunSeen {
  /** All runs of the scenario, in the order they started; `run` and `steps` are those of the first. */
  runs: RunSeen[];
  /** What the model server knows: what must be in the runs. */
  exchanges: readonly Exchange[];
  stdout: string;
  /** The OTLP requests. */
  sent: Sent;
}

export interface ScenarioOptions {
  /** What the model says. */
  script: Script;
  environment?: Record<string, string>;
  /** The program and what goes before the scenario's path. Default: this Node. */
  command?: readonly string[];
}

export interface Integrations {
  /** Runs `<scenario>` (a path in test/integrations, or an absolute one) to its end and waits until all it sent can be read. @throws Error when it fails. */
  run(scenario: string, options: ScenarioOptions): Promise<Outcome>;
  product: ProductUrls;
  close(): Promise<void>;
}

/** The real `runledger up` of this test run, once it and other people's packages are there. @throws Error that tells why they are not. */
export async function findProduct(): Promise<ProductUrls> {
  const ask = () => fetch(inject("integrationProduct"));
  let answer = await ask();
  for (; answer.status === 503; answer = await ask()) await sleep(500);
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as ProductUrls;
}

/** That product, for the scenarios of a file. */
export async function startIntegrations(): Promise<Integrations> {
  const product = await findProduct();
  const home = await temporaryDir("agent-home");
  return {
    product,
    run: (scenario, options) => runScenario(product, home.dir, scenario, options),
    close: home.remove,
  };
}

async function runScenario(
  product: ProductUrls,
  agentHome: string,
  scenario: string,
  options: ScenarioOptions,
): Promise<Outcome> {
  const model = await startFakeModelServer(options.script);
  const proxy = await startRecordingProxy(product.httpUrl);
  try {
    await mkdir(agentHome, { recursive: true });
    const environment = {
      ...agentEnvironment(model, proxy.url, agentHome),
      RUNLEDGER_ENDPOINT: product.grpcUrl,
      RUNLEDGER_CONTROL_URL: product.apiUrl,
      ...options.environment,
    };
    const path = scenario.startsWith("/") ? scenario : join(FOLDER, scenario);
    const stdout = await runAgent([...(options.command ?? [process.execPath]), path], environment);
    const { sent, refusals } = proxy;
    if (refusals.length > 0) throw new Error(`telemetry was refused: ${refusals.join("; ")}`);
    if (CAPTURE !== undefined) await writeCapture(CAPTURE, scenario, sent);
    const runIds = new Set([...runIdsTold(stdout), ...traceIdsOf(sent.traces)]);
    const runs = await runsOf(product, [...runIds]);
    const first = runs[0];
    if (first === undefined) throw new Error(`${scenario} sent no spans\n${stdout}`);
    return { ...first, runs, exchanges: model.exchanges, stdout, sent };
  } catch (cause) {
    throw new Error(`${scenario} failed`, { cause });
  } finally {
    await model.close();
    await proxy.close();
  }
}

/** Our SDK sends by gRPC, past the proxy: its scenarios say `run <id>` themselves. */
function runIdsTold(stdout: string): string[] {
  return [...stdout.matchAll(/^run ([0-9a-f]{32})$/gm)].map(([, id = ""]) => id);
}

/** As a user would have it, and nothing sent to any other place. */
function agentEnvironment(
  model: { openaiUrl: string; anthropicUrl: string },
  otlpUrl: string,
  home: string,
): Record<string, string> {
  return {
    ...bareEnvironment(),
    HOME: home,
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OPENAI_BASE_URL: model.openaiUrl,
    OPENAI_API_KEY: "sk-fake",
    ANTHROPIC_BASE_URL: model.anthropicUrl,
    ANTHROPIC_API_KEY: "sk-ant-fake",
    LANGFUSE_BASE_URL: otlpUrl,
    LANGFUSE_PUBLIC_KEY: "pk-lf-fake",
    LANGFUSE_SECRET_KEY: "sk-lf-fake",
    TRACELOOP_TELEMETRY: "false",
    MASTRA_TELEMETRY_DISABLED: "1",
    LANGSMITH_TRACING: "false",
    DO_NOT_TRACK: "1",
  };
}

async function runAgent(command: readonly string[], env: Record<string, string>): Promise<string> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env, cwd: FOLDER, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), SCENARIO_TIMEOUT_MS);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code ?? signal}\n${output}\n${errors}`);
  return output;
}

/** `test/captures/openinference-agent.json` of `openinference/agent.mjs`: `{traces, logs, metrics}`, OTLP/JSON requests each. */
async function writeCapture(folder: string, scenario: string, sent: Sent): Promise<void> {
  const name = scenario
    .replace(/\.\w+$/, "")
    .split("/")
    .slice(-2)
    .join("-");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${withoutPlace(sent)}\n`);
}

const PROJECT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** Resource attributes that tell where the capture was made. */
const OF_PLACE = new Set(["host.id", "host.name", "process.owner"]);

/** A capture is the same wherever it's made, but for ids and times. */
function withoutPlace(sent: Sent): string {
  const text = JSON.stringify(sent, (_key, value: unknown) => {
    const isOfPlace = typeof value === "object" && value !== null && "key" in value && OF_PLACE.has(String(value.key));
    return isOfPlace ? { ...value, value: { stringValue: "" } } : value;
  });
  return text.replaceAll(PROJECT, "/app");
}

async function runsOf(product: ProductUrls, runIds: readonly string[]): Promise<RunSeen[]> {
  await eventually(
    () => backlogOf(product),
    (frames) => frames === 0,
  );
  const runs = await Promise.all(runIds.map((id) => runSeen(product, id)));
  return runs.sort((a, b) => (a.run.start_time < b.run.start_time ? -1 : 1));
}

/** Journal frames that the log or ClickHouse do not have yet. */
async function backlogOf(product: ProductUrls): Promise<number> {
  const text = await (await fetch(`${product.apiUrl}/metrics`)).text();
  const valuesOf = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "gm"))].map(([, value]) => Number(value));
  const [last = Number.NaN] = valuesOf("runledger_journal_last_seq");
  const next = valuesOf("runledger_integrated_next_seq");
  return last + 1 - Math.min(...next);
}

async function runSeen(product: ProductUrls, runId: string): Promise<RunSeen> {
  const url = `${product.apiUrl}/v1/runs/${runId}`;
  const run = await getJson<RunDetail>(url);
  const { items } = await getJson<StepList>(`${url}/steps?limit=1000`);
  const steps = await Promise.all(items.map(({ step_id }) => stepSeen(`${url}/steps/${step_id}`)));
  return { run, steps };
}

/** Once its content can be had, if it has any. */
function stepSeen(url: string): Promise<StepDetail> {
  return eventually(
    () => getJson<StepDetail>(url),
    ({ content }) => content !== "pending",
  );
}

/** The lines of a scenario between `// #region docs` and `// #endregion` (in Python `# region docs`), as its page must have them. */
export async function linesToAdd(scenario: string): Promise<string> {
  const source = await readFile(scenario.startsWith("/") ? scenario : join(FOLDER, scenario), "utf8");
  const region = /^(?:\/\/|#) ?#?region docs\n([\s\S]*?)^(?:\/\/|#) ?#?endregion/m.exec(source)?.[1];
  if (region === undefined) throw new Error(`${scenario} has no region docs`);
  return region.trim();
}
