import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Approver, createRunledger } from "@runledger/sdk";
import OpenAI from "openai";
import {
  billingAgent,
  type DemoCaller,
  type DemoContext,
  researchAgent,
  runawayAgent,
  supportAgent,
  triageAgent,
} from "./agents.ts";
import { claimsAgent } from "./claims-agent.ts";
import type { DemoAccess } from "./demo-access.ts";
import { type FakeModel, startFakeModel } from "./fake-model.ts";
import { createScripts } from "./scripts.ts";

export interface DemoSettings extends DemoAccess {
  /** Each is eight runs, all at the same time. */
  rounds: number;
  /** A line as each run ends. */
  log: (line: string) => void;
  /** In [0, 1). */
  random?: () => number;
}

/** A crashing process is killed after so many pages, or when it takes longer than this. */
const CRASH_AFTER_PAGES = 3;
const CRASH_TIMEOUT_MS = 20_000;
/** Longer than a record waits for others, so that what the process did before its end has left it. */
const CRASH_DELAY_MS = 400;

/** Lets believable agents work against a fake model, every scenario once a round; takes a few seconds. */
export async function runDemo(settings: DemoSettings): Promise<void> {
  const { endpoint, controlUrl, apiKey, caCert, rounds, log, random = Math.random } = settings;
  const model = await startFakeModel(createScripts(random));
  const ledger = createRunledger({
    ...{ endpoint, controlUrl, apiKey, caCert },
    ...{ serviceName: "runledger-demo", log, approver },
  });
  try {
    for (let round = 1; round <= rounds; round++) {
      await runRound({ ledger, random, client: clientOf(model, `${round}`) }, settings, model, round);
    }
  } finally {
    const delivered = await ledger.shutdown();
    await model.close();
    log(
      delivered
        ? `demo done: ${ledger.stats().sent} records delivered`
        : `demo done: the collector at ${endpoint} does not take the records. If it asks for keys: one with the role ingest in RUNLEDGER_API_KEY; over TLS: its CA in RUNLEDGER_CA_CERT (docs/access.md). Agents again: npx runledger demo`,
    );
  }
}

/** In the demo somebody is always there, and agrees. */
const approver: Approver = {
  request: ({ question }) => sleep(APPROVAL_MS, { approved: true, by: "l.meyer", reason: `policy 4.2: ${question}` }),
};
const APPROVAL_MS = 400;

async function runRound(demo: DemoContext, settings: DemoSettings, model: FakeModel, round: number): Promise<void> {
  const { log, random = Math.random } = settings;
  const caller = (user: string): DemoCaller => ({ user, session: `session-${user}-${round}` });
  const show = async (name: string, run: Promise<string>) => {
    // Some of these are meant to fail: that is what the demo shows.
    const end = await run.then(
      (answer) => answer.split("\n")[0] ?? "",
      (error: unknown) => String(error),
    );
    log(`${name.padEnd(14)} ${end.slice(0, 100)}`);
  };
  const start = (work: () => Promise<string>) => sleep(random() * 500).then(work);
  await Promise.all([
    show(
      "support",
      start(() =>
        supportAgent(demo)("My lamp arrived with a cracked shade. I'm mara.lindqvist@example.com.", caller("mara")),
      ),
    ),
    show(
      "runaway",
      start(() => runawayAgent(demo)("Send me the link to export exp_7731.", caller("ines"))),
    ),
    show(
      "billing",
      start(() => billingAgent(demo)("Why was INV-2291 charged twice? Give me my money back.", caller("tomas"))),
    ),
    show(
      "retry",
      start(() => triageAgent(demo, "retry-recovers")("You charged me twice!!", caller("tomas"))),
    ),
    show(
      "retry, fails",
      start(() => triageAgent(demo, "retry-fails")("The app is slow since Tuesday.", caller("yuki"))),
    ),
    show(
      "research",
      start(() => researchAgent(demo)("Is sodium-ion ready for grid storage? Two pages.", caller("analyst-7"))),
    ),
    show(
      "claims",
      start(() => claimsAgent(demo)("My phone's screen is broken, claim CL-2231.", caller("mara"))),
    ),
    show(
      "crash",
      start(() => runCrash(settings, model, caller("ops"), round)),
    ),
  ]);
}

function clientOf(model: FakeModel, key: string): DemoContext["client"] {
  return (scenario) =>
    new OpenAI({
      apiKey: "not-a-key",
      baseURL: model.baseUrl,
      defaultHeaders: { "x-fake-script": scenario, "x-fake-key": `${scenario}-${key}` },
    });
}

/** A process of its own, killed like the out-of-memory killer would: no exit handler, no end record. */
async function runCrash(settings: DemoSettings, model: FakeModel, caller: DemoCaller, round: number): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("crash.ts", import.meta.url))], {
    env: {
      ...process.env,
      RUNLEDGER_ENDPOINT: settings.endpoint,
      ...(settings.controlUrl === undefined ? {} : { RUNLEDGER_CONTROL_URL: settings.controlUrl }),
      ...(settings.apiKey === undefined ? {} : { RUNLEDGER_API_KEY: settings.apiKey }),
      ...(settings.caCert === undefined ? {} : { RUNLEDGER_CA_CERT: settings.caCert }),
      OTEL_SERVICE_NAME: "runledger-demo",
      DEMO_MODEL_URL: model.baseUrl,
      DEMO_SESSION: caller.session,
      DEMO_USER: caller.user,
      DEMO_ROUND: String(round),
    },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), CRASH_TIMEOUT_MS);
  let pages = 0;
  for await (const _page of createInterface({ input: child.stdout })) {
    if (++pages < CRASH_AFTER_PAGES) continue;
    await sleep(CRASH_DELAY_MS);
    child.kill("SIGKILL");
    break;
  }
  await exited;
  clearTimeout(timer);
  return `process ${child.pid} killed after page ${pages}`;
}
