import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRunledger, type Ledger, type Settings } from "../index.ts";
import { type ControlServer, startControlServer } from "../testing/control-server.ts";
import { completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { type OtlpServer, startOtlpServer } from "../testing/otlp-server.ts";

/** An address whose every part is looked for in all that leaves. */
const CANARY = "canary.bird@leak-test.example";
const PARTS = ["canary.bird", "leak-test", "Y2FuYXJ5LmJpcmR"];
/** What no detector knows: only "hashes" keeps it in. */
const WORDS = "zanzibar";
const SAID = `${WORDS} ${CANARY}`;

let directory: string;
let otlp: OtlpServer;
let control: ControlServer;
let model: ModelServer;
const warnings: string[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-canary-"));
  otlp = await startOtlpServer();
  control = await startControlServer();
  warnings.length = 0;
});
afterEach(async () => {
  await Promise.all([otlp.close(), control.close(), model?.close()]);
  await rm(directory, { recursive: true, force: true });
});

function open(settings: Settings): Ledger {
  return createRunledger(
    {
      endpoint: `http://127.0.0.1:${otlp.port}`,
      controlUrl: control.url,
      spoolDir: join(directory, "spool"),
      checkpointDir: join(directory, "checkpoints"),
      contentKey: "a key for tests only",
      log: (message) => warnings.push(message),
      ...settings,
    },
    { environment: {} },
  );
}

/** The canary in each input of each call of the SDK, and in what models and tools answer. */
async function sayItEverywhere(ledger: Ledger, baseUrl: string): Promise<void> {
  const tool = ledger.tool({
    name: "send",
    input: { type: "object" },
    run: (input) => {
      if ((input as { fail?: boolean }).fail) throw new Error(SAID);
      return { sent: SAID, bytes: [SAID] };
    },
    confirm: () => `send to ${SAID}?`,
    confirmTimeoutMs: 60_000,
  });
  const sub = ledger.wrap(
    async () => {
      throw new TypeError(SAID);
    },
    { agent: "sub" },
  );
  const agent = ledger.wrap(
    async (_task: string) => {
      await askModels(baseUrl);
      await tool({ to: SAID, [SAID]: 1 }, { callId: CANARY, idempotencyKey: CANARY });
      await tool({ fail: true, to: SAID }).catch(() => undefined);
      await tool(`{"broken": "${SAID}`).catch(() => undefined);
      await sub().catch(() => undefined);
      ledger.decision({ name: CANARY, options: [CANARY], choice: CANARY, reason: SAID });
      ledger.guardrail({ name: "g", passed: false, rule: CANARY, target: CANARY, reason: SAID });
      ledger.memory({ op: "search", store: CANARY, key: CANARY, query: SAID, value: [{ x: SAID }] });
      ledger.artifact(SAID, { name: CANARY });
      ledger.artifact(new TextEncoder().encode(SAID), { name: "bytes", mediaType: "text/plain" });
      ledger.score({ name: "s", value: 1, label: CANARY, comment: SAID });
      ledger.fallback({ from: CANARY, to: CANARY, reason: SAID });
      ledger.escalate({ to: CANARY, reason: SAID });
      ledger.handoff({ to: CANARY, reason: SAID });
      ledger.checkpoint({ state: SAID });
      await tool({ after: SAID }, { idempotencyKey: "kept" });
      throw new Error(SAID);
    },
    {
      agent: "teller",
      taskType: CANARY,
      taskId: CANARY,
      session: CANARY,
      user: CANARY,
      principal: { id: CANARY, permissions: [] },
    },
  );
  await agent(SAID).catch(() => undefined);
  await ledger.wrap(async () => SAID, { agent: "ends", outcome: () => SAID })();
}

async function askModels(baseUrl: string): Promise<void> {
  const post = async (path: string, body: object) =>
    await (
      await fetch(`${baseUrl}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      })
    ).text();
  const tools = [
    {
      type: "function",
      function: { name: "send", description: SAID, parameters: { type: "object", description: SAID } },
    },
  ];
  const messages = [
    { role: "system", content: SAID },
    { role: "user", content: SAID, name: CANARY },
  ];
  for (const stream of [false, true]) {
    await post("/chat/completions", {
      model: "m",
      stream,
      messages,
      tools,
      user: CANARY,
      stop: [SAID],
      metadata: { SAID },
    });
    await post("/responses", { model: "m", stream, input: SAID, instructions: SAID, metadata: { a: SAID } });
    await post("/messages", {
      model: "m",
      stream,
      max_tokens: 5,
      system: SAID,
      messages: [{ role: "user", content: SAID }],
    });
    await post("/models/m:generateContent", { contents: [{ role: "user", parts: [{ text: SAID }] }] });
    await post("/embeddings", { model: "m", input: [SAID] });
  }
  await post("/chat/completions?broken=1", { model: "m", messages });
}

const PIECES = [`${WORDS} cana`, "ry.bird@le", "ak-test.exa", "mple"];
async function startModels(): Promise<ModelServer> {
  return await startModelServer((response, _request, body) => {
    const { stream } = JSON.parse(body) as { stream?: boolean };
    if (!stream)
      return sendJson(response, {
        ...completion(SAID, [{ id: CANARY, name: "send", arguments: JSON.stringify({ to: SAID }) }]),
        extra: SAID,
      });
    response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": CANARY });
    for (const piece of PIECES)
      response.write(`data: ${JSON.stringify({ id: "1", choices: [{ index: 0, delta: { content: piece } }] })}\n\n`);
    response.end("data: [DONE]\n\n");
  });
}

/** Everything that left: on the wire, to the approvers, into logs, onto the disk. */
async function whatLeft(): Promise<string> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  const contents = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), "latin1")),
  );
  return [
    ...otlp.requests.map((request) => request.toString("latin1")),
    ...control.requests.map(({ path, body }) => path + body),
    ...warnings,
    ...contents,
  ].join("\n");
}

/** People say yes to whatever is asked. */
async function approveAll(): Promise<() => void> {
  const answered = new Set<string>();
  const timer = setInterval(() => {
    for (const { path, body } of control.requests) {
      if (!path.startsWith("/v1/approvals") || answered.has(body)) continue;
      answered.add(body);
      const { approval_id } = JSON.parse(body);
      control.decide({ approval_id, status: "approved", by: "alice", reason: null, decided_time: null } as Parameters<
        ControlServer["decide"]
      >[0]);
    }
  }, 20);
  return () => clearInterval(timer);
}

test.each([
  ["redacted", PARTS],
  ["hashes", [...PARTS, WORDS]],
] as const)(
  "with content %s no byte that leaves has it, whatever it was said in",
  async (content, forbidden) => {
    model = await startModels();
    const stop = await approveAll();
    const ledger = open({ content });
    await sayItEverywhere(ledger, model.baseUrl);
    // A second one whose collector is away leaves its records on the disk.
    const away = open({ content, endpoint: "http://127.0.0.1:9", flushTimeoutMs: 100 });
    const agent = away.wrap(
      async () => {
        away.checkpoint({ state: SAID });
        away.decision({ name: "d", options: [], choice: "x", reason: SAID });
        await new Promise(() => {});
      },
      { agent: "away" },
    );
    void agent();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await ledger.shutdown();
    await away.shutdown();
    stop();
    const left = await whatLeft();
    expect(left).toContain("send");
    expect(control.requests.some(({ path }) => path.startsWith("/v1/approvals"))).toBe(true);
    expect((await readdir(directory, { recursive: true })).some((name) => name.endsWith(".checkpoint"))).toBe(true);
    for (const word of forbidden)
      expect(left.includes(word) && left.slice(left.indexOf(word) - 200, left.indexOf(word) + 60)).toBe(false);
    expect(ledger.stats().content.mode).toBe(content);
    expect(
      content === "hashes" ? ledger.stats().content.withheld : ledger.stats().content.redacted["email"],
    ).toBeGreaterThan(30);
    expect(ledger.stats().failures.redaction).toBe(0);
  },
  30_000,
);

test("the canary is seen where nothing is redacted, so that the tests above can fail", async () => {
  model = await startModels();
  const stop = await approveAll();
  const ledger = open({});
  await sayItEverywhere(ledger, model.baseUrl);
  await ledger.shutdown();
  stop();
  const left = await whatLeft();
  for (const word of [...PARTS, WORDS]) expect(left).toContain(word);
}, 30_000);

test("an attribute that nobody has classed is content", async () => {
  const { classOf } = await import("./content-attributes.ts");
  for (const name of [
    GEN_AI.inputMessages,
    RUNLEDGER.rawResponse,
    RUNLEDGER.stepReason,
    RUNLEDGER.runReason,
    RUNLEDGER.runOutcome,
    "openai.request.user",
    "something.new",
  ])
    expect(classOf(name)).toBe("content");
});

test("a rule that fails has the content withheld, and that is in the record and counted", async () => {
  const ledger = open({
    redact: {
      rules: [
        {
          name: "mine",
          redact: (text) => {
            if (text.includes(WORDS)) throw new Error(text);
            return text;
          },
        },
      ],
    },
  });
  await ledger.wrap(
    async () => {
      ledger.decision({ name: "d", options: [], choice: "x", reason: WORDS });
    },
    { agent: "a" },
  )();
  await ledger.shutdown();
  const left = await whatLeft();
  expect(left).not.toContain(WORDS);
  expect(left).toContain("runledger.redaction.failed");
  expect(left).toContain("runledger.step.reason 8 ");
  expect(ledger.stats()).toMatchObject({ content: { failed: 1, withheld: 1 }, failures: { redaction: 1 } });
  expect(warnings.join()).toContain("mine failed");
});

test("checkpoints of content that is not full need a key to be kept on disk", async () => {
  const ledger = open({ content: "redacted", contentKey: undefined });
  await ledger.wrap(async () => void ledger.checkpoint({ at: 1 }), { agent: "a" })();
  await ledger.shutdown();
  expect((await readdir(directory)).includes("checkpoints")).toBe(false);
  expect(() => ledger.resume("0".repeat(32), () => undefined)).toThrow("RUNLEDGER_CONTENT_KEY");
});

test("rules that would do nothing, and rules that are none, are a failure to start", () => {
  expect(() => open({ content: "full", redact: {} })).toThrow("does nothing");
  expect(() => open({ redact: { rules: [{ name: "x" }] } })).toThrow("neither where");
  expect(() => open({ redact: { rules: [{ name: "a b", path: "x" }] } })).toThrow("a name is");
});
