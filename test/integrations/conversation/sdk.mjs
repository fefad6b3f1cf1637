import { createRunledger } from "@runledger/sdk";
import OpenAI from "openai";
import { z } from "zod";
import { RUN, TOOLS } from "./told.ts";
import { converse } from "./with-openai.mjs";

const ledger = createRunledger();
const client = new OpenAI({ maxRetries: 0 });
const input = z.object({ number: z.string() });
const tools = Object.fromEntries(
  Object.entries(TOOLS).map(([name, { description, execute }]) => [
    name,
    ledger.tool({ name, description, input, run: execute }),
  ]),
);

async function clerk() {
  console.log(`run ${ledger.runId()}`);
  await converse(client, {
    tool: (name, callId, given) => tools[name](given, { callId }),
    guardrail: (_text, reason) => ledger.guardrail({ name: "no-threats", passed: false, reason }),
  });
}

const { agent, version, taskType, session, user } = RUN;
await ledger.wrap(clerk, { agent, version, taskType, session, user })();
await ledger.shutdown();
