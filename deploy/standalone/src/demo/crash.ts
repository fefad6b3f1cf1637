import { createRunledger } from "@runledger/sdk";
import OpenAI from "openai";
import { importAgent } from "./agents.ts";

/** The demo's process that is killed half way: an import without an end. Says each page on stdout. */
const environment = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this file is started by run-demo.ts`);
  return value;
};
const ledger = createRunledger({ heartbeatMs: 1_000 });
const headers = { "x-fake-script": "crash", "x-fake-key": `crash-${environment("DEMO_ROUND")}` };
const client = () =>
  new OpenAI({ apiKey: "not-a-key", baseURL: environment("DEMO_MODEL_URL"), defaultHeaders: headers });
const onPage = (page: number) => process.stdout.write(`${page}\n`);
const agent = importAgent({ ledger, client, random: Math.random }, onPage);
await agent("Import the CRM's contacts.", { session: environment("DEMO_SESSION"), user: environment("DEMO_USER") });
