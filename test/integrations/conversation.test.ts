import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Turn } from "../support/fake-model-server.ts";
import { type Cell, cellsOf, TOLD_FACTS } from "./conversation-facts.ts";
import { type Integrations, startIntegrations } from "./run-scenario.ts";

// The same conversation told by each package: whatever it sent must be shown in the place for it. The page's table says what it did not send.

let integrations: Integrations;
beforeAll(async () => {
  integrations = await startIntegrations();
});
afterAll(() => integrations.close());

const both = ["find_parcel", "weigh_parcel"].map((name) => ({ name, arguments: { number: "77" } }));
const SCRIPT: Turn[] = [
  { text: "Let me see.", toolCalls: both, usage: { input: 12_347, output: 2_311, cacheRead: 4_099, reasoning: 1_013 } },
  { text: "Shelf K12, unweighed.", usage: { input: 15_803, output: 2_741, cacheRead: 6_089, reasoning: 1_103 } },
  { status: 429, message: "slow down please" },
  { status: 500, message: "the model fell over" },
];

/** Mastra tells these on the steps around a model call (input, output and the answer's body), or on its run, and nowhere else. */
const AROUND_OF_MASTRA = [
  "id of the answer",
  "system prompt",
  "question",
  "earlier turns",
  "picture",
  "tool calls asked for",
  "results given to the model",
  "the model's failure, 429",
  "the model's failure, 500",
];
const COLUMNS: readonly { title: string; scenario: string; around?: readonly string[] }[] = [
  { title: "[OpenTelemetry](opentelemetry-genai.md)", scenario: "otel-genai/conversation.cjs" },
  { title: "[OpenInference](openinference.md)", scenario: "conversation/openinference.mjs" },
  { title: "[LangGraph](langgraph.md)", scenario: "conversation/langgraph.mjs" },
  { title: "[OpenAI Agents](openai-agents.md)", scenario: "conversation/openai-agents.mjs", around: ["task type"] },
  { title: "[OpenLLMetry](openllmetry.md)", scenario: "conversation/traceloop.mjs" },
  { title: "[Langfuse](langfuse.md)", scenario: "conversation/langfuse.mjs" },
  { title: "[`ai` 5](vercel-ai-sdk.md)", scenario: "conversation/ai-v5.mjs" },
  { title: "`ai` 6", scenario: "conversation/ai-v6.mjs" },
  { title: "`ai` 7", scenario: "conversation/ai-v7.mjs" },
  { title: "[Mastra](mastra.md)", scenario: "conversation/mastra.mjs", around: AROUND_OF_MASTRA },
  { title: "[our SDK](runledger-sdk.md)", scenario: "conversation/sdk.mjs" },
];
const seen = new Map<string, readonly Cell[]>();

test.each(COLUMNS)("$scenario: all that was sent is shown", async ({ title, scenario, around = [] }) => {
  const environment = { OTEL_LOGS_EXPORTER: "otlp" };
  const outcome = await integrations.run(scenario, { script: SCRIPT, environment });
  const cells = cellsOf(outcome);
  seen.set(title, cells);
  expect(TOLD_FACTS.map(({ name }) => name).filter((_, at) => cells[at] === "✗")).toEqual(around);
});

test("the table of docs/integrations says what was sent", async () => {
  const path = fileURLToPath(new URL("../../docs/integrations/README.md", import.meta.url));
  const before = await readFile(path, "utf8");
  const after = before.replace(/(?<=<!-- told -->\n)[\s\S]*?(?=<!-- \/told -->)/, table());
  if (process.env["DOCS"] === "write") await writeFile(path, after);
  else expect(before).toBe(after);
});

function table(): string {
  const rows = TOLD_FACTS.map(({ name }, at) => [
    name,
    ...COLUMNS.map(({ title }) => seen.get(title)?.[at] ?? "?").map((cell) => (cell === "✗" ? "○" : cell)),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const titles = ["", ...COLUMNS.map(({ title }) => title)];
  return [line(titles), `|---|${":-:|".repeat(COLUMNS.length)}\n`, ...rows.map(line)].join("");
}
