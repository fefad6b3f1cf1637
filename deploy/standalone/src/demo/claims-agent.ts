import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { runAgentLoop } from "./agent-loop.ts";
import type { DemoAgent, DemoContext } from "./agents.ts";

const ASSESSMENT = "part,price_eur\nscreen,240\nlabour,110\n";

/** Settles an insurance claim: what its tools may do is checked, a payment is confirmed, and it tells what only it knows. */
export function claimsAgent({ ledger, client, random }: DemoContext): DemoAgent {
  const assess = ledger.tool({
    name: "assess_damage",
    description: "Assess the damage of a claim",
    input: z.object({ claim: z.string() }),
    sideEffect: "none",
    retry: { attempts: 3, firstDelayMs: 50 },
    run: async ({ claim }, { attempt }) => {
      await sleep(40 + random() * 80);
      if (attempt === 1) throw Object.assign(new Error("the assessor's service is busy"), { status: 503 });
      const table = ledger.artifact(ASSESSMENT, { name: `${claim}.csv`, mediaType: "text/csv" });
      return { total_eur: 350, table: table.toString() };
    },
  });
  const payOut = ledger.tool({
    name: "pay_out",
    description: "Pay a claim out. Can't be undone.",
    input: z.object({ claim: z.string(), eur: z.number().positive().max(1_000) }),
    output: z.object({ payment: z.string() }),
    sideEffect: "irreversible",
    permission: "claims:pay",
    confirm: ({ claim, eur }) => `Pay ${eur} EUR for ${claim}?`,
    idempotent: ({ claim }) => claim,
    timeoutMs: 10_000,
    run: () => sleep(60 + random() * 100, { payment: "py_88" }),
  });
  const tools = ledger.tools([assess, payOut]);
  const system =
    "You settle insurance claims up to 1,000 EUR. Assess the damage first. Pay out only what policy 4.2 allows.";
  const agent: DemoAgent = async (task) => {
    ledger.guardrail({ name: "prompt injection", passed: true, rule: "injection-v3", target: "input" });
    const loopTools = tools.openai().map((definition) => ({
      definition,
      call: (args: string) => tools.answer(definition.function.name, args),
    }));
    const answer = await runAgentLoop(
      { client: client("claims"), model: "gpt-4o", system, tools: loopTools, maxTurns: 8 },
      task,
    );
    ledger.decision({
      name: "settlement",
      options: ["repair", "replace", "pay out"],
      choice: "pay out",
      confidence: 0.82,
      reason: "A repair would cost more than the phone is worth.",
    });
    const named = answer.includes("DE89");
    ledger.guardrail({ name: "personal data", passed: !named, rule: "no-iban-in-mail", target: "output" });
    ledger.score({ name: "politeness", value: 0.94, label: "good" });
    return named ? answer.replaceAll(/DE\d+/g, "your account") : answer;
  };
  return ledger.wrap(agent, {
    agent: "claims",
    version: "3.0.1",
    taskType: "claim",
    principal: { id: "l.meyer", permissions: ["claims:*"] },
    limits: { steps: 20, costUsd: 0.5, toolErrors: 3, wallMs: 120_000 },
    outcome: () => "paid",
    session: (_task, caller) => caller.session,
    user: (_task, caller) => caller.user,
  });
}
