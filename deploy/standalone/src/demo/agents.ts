import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "@runledger/sdk";
import type OpenAI from "openai";
import { z } from "zod";
import { type LoopTool, runAgentLoop } from "./agent-loop.ts";

export interface DemoContext {
  ledger: Ledger;
  /** A client of the model that plays this scenario. */
  client: (scenario: string) => OpenAI;
  /** In [0, 1). */
  random: () => number;
}
/** Who asks: the run's session and user. */
export interface DemoCaller {
  session: string;
  user: string;
}
export type DemoAgent = (task: string, caller: DemoCaller) => Promise<string>;

const tagged = {
  session: (_task: string, caller: DemoCaller) => caller.session,
  user: (_task: string, caller: DemoCaller) => caller.user,
};

/** A support ticket that goes well: exact tools, two of them in parallel, a streamed answer. */
export function supportAgent({ ledger, client, random }: DemoContext): DemoAgent {
  const exact = <Input>(name: string, description: string, input: z.ZodType<Input>, answer: object): LoopTool => {
    const tool = ledger.tool({ name, description, input, run: () => sleep(40 + random() * 160, answer) });
    return { definition: tool.definition, call: tool };
  };
  const tools = [
    exact("find_customer", "Find a customer by e-mail address", z.object({ email: z.email() }), {
      customer_id: "cus_48121",
      name: "Mara Lindqvist",
      tier: "gold",
    }),
    exact(
      "list_orders",
      "The customer's latest orders",
      z.object({ customer_id: z.string(), limit: z.number().int().max(20) }),
      { orders: [{ id: "ord_90417", item: "Halo desk lamp", delivered: "2026-11-14", total: "89.00 EUR" }] },
    ),
    exact("search_policies", "Search our policies", z.object({ query: z.string() }), {
      hits: ["Damaged items: free replacement within 30 days of delivery (policy 4.2)."],
    }),
    exact(
      "create_return_label",
      "Create a prepaid return label",
      z.object({ order_id: z.string(), reason: z.string() }),
      { label: "RL-55302", carrier: "DHL", sent_to: "mara.lindqvist@example.com" },
    ),
  ];
  const system =
    "You are the support agent of Halo Lighting. Be brief and kind. Use the tools; never invent order data. Returns follow policy 4.";
  const agent: DemoAgent = (task) =>
    runAgentLoop({ client: client("support"), model: "gpt-4o", system, tools, maxTurns: 8 }, task);
  return ledger.wrap(agent, {
    agent: "support",
    version: "1.4.0",
    taskType: "ticket",
    limits: { steps: 20, tokens: 100_000, wallMs: 120_000, repeats: 4 },
    outcome: (answer) => (answer.includes("return label") ? "resolved" : "unclear"),
    ...tagged,
  });
}

/** Asks for the status of an export that never gets ready, again and again, until the limit on steps stops it. */
export function runawayAgent({ ledger, client, random }: DemoContext): DemoAgent {
  const status = ledger.tool({
    name: "get_export_status",
    description: "Status of a data export",
    input: z.object({ export_id: z.string() }),
    run: () => sleep(20 + random() * 60, { status: "pending" }),
  });
  const tools = [{ definition: status.definition, call: status }];
  const system = "You deliver data exports. Check the status of the export and hand over the link once it is ready.";
  const agent: DemoAgent = (task) =>
    runAgentLoop({ client: client("runaway"), model: "gpt-4o", system, tools, maxTurns: 500 }, task);
  return ledger.wrap(agent, {
    agent: "export-courier",
    version: "0.9.2",
    taskType: "export",
    limits: { steps: 16, tokens: 200_000, wallMs: 120_000 },
    ...tagged,
  });
}

/** Its model asks for a tool that does not exist, is told so, and finds another way. Tools are inferred from the messages. */
export function billingAgent({ ledger, client, random }: DemoContext): DemoAgent {
  const plain = (name: string, description: string, properties: Record<string, object>, answer: object): LoopTool => ({
    definition: {
      type: "function",
      function: { name, description, parameters: { type: "object", properties, required: Object.keys(properties) } },
    },
    call: () => sleep(30 + random() * 90, answer),
  });
  const tools = [
    plain(
      "lookup_invoice",
      "Look up an invoice",
      { invoice: { type: "string" } },
      {
        invoice: "INV-2291",
        charges: [
          { at: "2026-05-03T09:14:00Z", eur: 129 },
          { at: "2026-05-03T09:14:02Z", eur: 129 },
        ],
      },
    ),
    plain(
      "open_case",
      "Open a case for a team of people",
      {
        team: { type: "string" },
        subject: { type: "string" },
        priority: { type: "string", enum: ["low", "normal", "high"] },
      },
      { case: "BIL-1184", status: "open" },
    ),
  ];
  const system = "You answer billing questions. You cannot move money yourself.";
  const agent: DemoAgent = (task) =>
    runAgentLoop({ client: client("hallucination"), model: "gpt-4o-mini", system, tools, maxTurns: 8 }, task);
  return ledger.wrap(agent, {
    agent: "billing",
    version: "2.1.0",
    taskType: "ticket",
    limits: { steps: 20, wallMs: 60_000 },
    outcome: () => "escalated",
    ...tagged,
  });
}

/** One classification that meets rate limits and server errors; the client library tries again. */
export function triageAgent({ ledger, client }: DemoContext, scenario: "retry-recovers" | "retry-fails"): DemoAgent {
  const system = "Classify the ticket: category, urgency, one line of summary.";
  const agent: DemoAgent = (task) =>
    runAgentLoop({ client: client(scenario), model: "gpt-4o", system, tools: [], maxTurns: 1 }, task);
  return ledger.wrap(agent, {
    agent: "triage",
    version: "3.0.1",
    taskType: "classification",
    limits: { steps: 8, wallMs: 30_000 },
    outcome: () => "classified",
    ...tagged,
  });
}

/** An expensive one with long prompts, whose tool is an agent itself. */
export function researchAgent({ ledger, client }: DemoContext): DemoAgent {
  const reader = ledger.wrap(
    (topic: string) =>
      runAgentLoop(
        {
          client: client("reader"),
          model: "gpt-4o-mini",
          system: "Read the sources on a topic and list what is solid.",
          tools: [],
          maxTurns: 1,
        },
        topic,
      ),
    { agent: "source-reader", version: "0.3.0", limits: { steps: 5 } },
  );
  const read = ledger.tool({
    name: "read_source",
    description: "Have a reader go through the sources on a topic",
    input: z.object({ topic: z.string() }),
    run: ({ topic }) => reader(topic),
  });
  const tools = [{ definition: read.definition, call: read }];
  const system =
    "You are a research analyst. Weigh sources, separate vendor claims from independent data, state your confidence.";
  const agent: DemoAgent = (task) =>
    runAgentLoop({ client: client("research"), model: "gpt-4o", system, tools, maxTurns: 8 }, task);
  return ledger.wrap(agent, {
    agent: "research",
    version: "1.0.0",
    taskType: "report",
    limits: { steps: 40, tokens: 500_000, wallMs: 300_000 },
    outcome: () => "delivered",
    ...tagged,
  });
}

/** Imports page after page; the demo kills its process on the way. */
export function importAgent({ ledger, client, random }: DemoContext, onPage: (page: number) => void): DemoAgent {
  const importPage = ledger.tool({
    name: "import_page",
    description: "Import one page of contacts",
    input: z.object({ source: z.string(), page: z.number().int() }),
    run: async ({ page }) => {
      await sleep(30 + random() * 60);
      onPage(page);
      return { imported: 200, page };
    },
  });
  const tools = [{ definition: importPage.definition, call: importPage }];
  const system = "Import all contacts of the CRM, page by page.";
  const agent: DemoAgent = (task) =>
    runAgentLoop({ client: client("crash"), model: "gpt-4o-mini", system, tools, maxTurns: 100 }, task);
  return ledger.wrap(agent, {
    agent: "crm-import",
    version: "0.2.0",
    taskType: "import",
    limits: { steps: 200, wallMs: 600_000 },
    ...tagged,
  });
}
