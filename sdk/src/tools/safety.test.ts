import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { AgentStopped } from "../limits/agent-stopped.ts";
import type { WrapOptions } from "../run/wrap.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import type { ApprovalQuestion } from "./approver.ts";
import { ToolError } from "./tool-error.ts";

let recorded: RecordedLedger;
beforeEach(() => {
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
});
type Options = Partial<WrapOptions<() => Promise<unknown>>>;
const inRun = <T>(work: () => Promise<T>, options: Options = {}): Promise<T> =>
  recorded.ledger.wrap(work, { agent: "a", ...(options as object) })();
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const amount = z.object({ amount: z.number() });
const steps = async (kind = "tool") => (await recorded.steps(kind)).map(({ attributes }) => attributes);

test("a permission is asked of the run's principal, and nothing runs without it", async () => {
  let ran = 0;
  const refund = recorded.ledger.tool({ name: "refund", input: amount, permission: "refunds:write", run: () => ++ran });
  const call = () => refund({ amount: 5 });
  expect(await failure(inRun(call))).toMatchObject({ code: "permission_denied" });
  const reader = { id: "kim", permissions: ["refunds:read"] };
  expect(String(await failure(inRun(call, { principal: reader })))).toContain("kim lacks refunds:write");
  expect(await failure(call())).toMatchObject({ code: "permission_denied" }); // outside of a run there is nobody
  expect(ran).toBe(0);
  expect(await inRun(call, { principal: () => ({ id: "kim", permissions: ["refunds:*"] }) })).toBe(1);
  expect(await steps()).toMatchObject([
    { "error.type": "permission_denied", "runledger.tool.permission": "refunds:write", "runledger.tool.valid": true },
    { "error.type": "permission_denied", "runledger.tool.principal": "kim" },
    { "runledger.tool.principal": "kim", "gen_ai.tool.call.result": "1" },
  ]);
});

test("a sub-agent has no permission that its caller lacks, and a principal that can't be told has none", async () => {
  const refund = recorded.ledger.tool({ name: "refund", input: amount, permission: "refunds:write", run: () => 1 });
  const helper = recorded.ledger.wrap(async () => await refund({ amount: 5 }), {
    agent: "helper",
    principal: { id: "root", permissions: ["*"] },
  });
  expect(await failure(inRun(helper, { principal: { id: "kim", permissions: [] } }))).toMatchObject({
    code: "permission_denied",
  });
  expect(await failure(inRun(helper))).toMatchObject({ code: "permission_denied" });
  const byName = recorded.ledger.tool({
    name: "by_name",
    input: amount,
    permission: (_, { id }) => id === "root",
    run: () => 1,
  });
  const pretender = recorded.ledger.wrap(async () => await byName({ amount: 5 }), {
    agent: "helper",
    principal: { id: "root", permissions: ["*"] },
  });
  expect(await inRun(pretender, { principal: { id: "root", permissions: [] } })).toBe(1);
  expect(await failure(inRun(pretender, { principal: { id: "kim", permissions: ["*"] } }))).toMatchObject({
    message: "not permitted to call by_name: kim may not with these arguments",
  });
  const broken = () => {
    throw new Error("directory is down");
  };
  expect(await failure(inRun(() => refund({ amount: 5 }), { principal: broken }))).toBeInstanceOf(ToolError);
});

test("a time-out is hard: the call is over though the tool goes on, and it is told to stop", async () => {
  let told = false;
  const deaf = recorded.ledger.tool({
    name: "deaf",
    input: amount,
    timeoutMs: 20,
    run: (_input, { signal }) =>
      new Promise(() => {
        signal.addEventListener("abort", () => {
          told = true;
        });
      }),
  });
  expect(await failure(inRun(() => deaf({ amount: 1 })))).toMatchObject({ code: "timeout" });
  expect(told).toBe(true);
});

test("what may pass is tried again, each try a step, and the last error goes to the next try and to the model", async () => {
  const seen: unknown[] = [];
  const flaky = recorded.ledger.tool({
    name: "flaky",
    input: amount,
    sideEffect: "none",
    retry: { attempts: 3, firstDelayMs: 1 },
    run: (_input, { attempt, lastError }) => {
      seen.push([attempt, lastError instanceof Error ? lastError.message : lastError]);
      throw Object.assign(new Error(`down ${attempt}`), { status: 503 });
    },
  });
  const error = await failure(inRun(() => flaky({ amount: 1 })));
  expect(error).toMatchObject({ code: "failed", message: "flaky failed after 3 attempts: down 3" });
  expect(seen).toEqual([
    [1, undefined],
    [2, "down 1"],
    [3, "down 2"],
  ]);
  expect((await steps()).map((step) => [step["runledger.tool.attempt"], step["error.type"]])).toEqual([
    [1, "Error"],
    [2, "Error"],
    [3, "Error"],
  ]);
});

test("what can't pass is not tried again, and a stopped agent tries nothing", async () => {
  let tries = 0;
  const define = (error: () => Error) =>
    recorded.ledger.tool({
      name: "t",
      input: amount,
      idempotent: true,
      retry: { attempts: 5, firstDelayMs: 1 },
      run: () => {
        tries++;
        throw error();
      },
    });
  await failure(inRun(() => define(() => Object.assign(new Error("no"), { status: 404 }))({ amount: 1 })));
  await failure(inRun(() => define(() => new TypeError("x is not a function"))({ amount: 1 })));
  expect(tries).toBe(2);
  const passing = define(() => new Error("perhaps"));
  expect(await failure(inRun(() => passing({ amount: 1 }), { limits: { steps: 2 } }))).toBeInstanceOf(AgentStopped);
  expect(tries).toBe(4);
});

test("a definition that would do things twice, or means nothing, is refused at once", () => {
  const define = (more: object) => () => recorded.ledger.tool({ name: "t", input: amount, run: () => 1, ...more });
  expect(define({ retry: 3 })).toThrow(/idempotent/);
  expect(define({ retry: 0 })).toThrow(/from 1/);
  expect(define({ maxResultBytes: -1 })).toThrow(/maxResultBytes/);
  expect(define({ retry: 3, sideEffect: "none" })).not.toThrow();
});

test("a repeated idempotency key gives the first result, in parallel too, and runs nothing", async () => {
  let ran = 0;
  const pay = recorded.ledger.tool({
    name: "pay",
    input: amount,
    idempotent: ({ amount }, { callId }) => `${callId}-${amount}`,
    run: async (_input, { idempotencyKey }) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return { receipt: ++ran, idempotencyKey };
    },
  });
  await inRun(async () => {
    const [first, second] = await Promise.all([
      pay({ amount: 5 }, { callId: "c" }),
      pay({ amount: 5 }, { callId: "c" }),
    ]);
    expect(first).toEqual({ receipt: 1, idempotencyKey: "c-5" });
    expect(second).toBe(first);
    expect(await pay({ amount: 5 }, { callId: "d" })).toMatchObject({ receipt: 2 });
    expect(await pay({ amount: 9 }, { idempotencyKey: "c-5" })).toBe(first);
  });
  expect(await inRun(() => pay({ amount: 5 }, { callId: "c" }))).toMatchObject({ receipt: 3 }); // another run
  const all = await recorded.steps("tool");
  const first = all.find(({ attributes }) => attributes["gen_ai.tool.call.result"]?.toString().includes('"receipt":1'));
  const repeats = all.filter(({ attributes }) => attributes["runledger.tool.same_as"] !== undefined);
  expect(repeats).toHaveLength(2);
  for (const { attributes } of repeats) {
    expect(attributes["runledger.tool.same_as"]).toBe(first?.spanContext().spanId);
    expect(attributes["runledger.tool.idempotency_key"]).toBe("c-5");
  }
});

test("a failed call frees its key, for those that waited too", async () => {
  let ran = 0;
  const pay = recorded.ledger.tool({
    name: "pay",
    input: amount,
    run: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (++ran === 1) throw new Error("declined");
      return ran;
    },
  });
  await inRun(async () => {
    const call = () => pay({ amount: 5 }, { idempotencyKey: "k" });
    const [first, second] = await Promise.allSettled([call(), call()]);
    expect(first.status).toBe("rejected");
    expect(second).toEqual({ status: "fulfilled", value: 2 });
    expect(await call()).toBe(2);
  });
});

test("what can't be undone is not done when there is nobody to ask", async () => {
  let ran = false;
  const wipe = recorded.ledger.tool({
    name: "wipe",
    input: amount,
    sideEffect: "irreversible",
    run: () => {
      ran = true;
    },
  });
  const error = await failure(inRun(() => wipe({ amount: 1 })));
  expect(error).toMatchObject({ code: "approval_denied" });
  expect(String(error)).toContain("nobody to ask");
  expect(ran).toBe(false);
  expect(await steps("approval")).toMatchObject([
    { "runledger.approval.approved": false, "runledger.approval.tool": "wipe" },
  ]);
  expect(await steps()).toMatchObject([
    {
      "error.type": "approval_denied",
      "runledger.tool.confirmed": false,
      "runledger.tool.side_effect": "irreversible",
    },
  ]);
});

test("somebody is asked with the checked arguments, and their word is recorded; failing and silence are no", async () => {
  await recorded.ledger.shutdown();
  const questions: ApprovalQuestion[] = [];
  const answers = [
    async () => ({ approved: true, by: "kim", reason: "known customer" }),
    async () => ({ approved: false, by: "kim", reason: "too much" }),
    () => Promise.reject(new Error("no network")),
    () => new Promise<never>(() => {}),
  ];
  recorded = createRecordedLedger({
    approver: {
      request(question) {
        questions.push(question);
        return answers[questions.length - 1]?.() ?? Promise.reject(new Error("asked too often"));
      },
    },
  });
  const pay = recorded.ledger.tool({
    name: "pay",
    input: amount,
    confirm: ({ amount }) => amount > 100 && `Pay ${amount} EUR?`,
    confirmTimeoutMs: 30,
    run: ({ amount }) => `paid ${amount}`,
  });
  const results = await inRun(async () => {
    const all = [await pay({ amount: 5 })];
    for (let i = 0; i < 4; i++)
      all.push(await pay('{"amount":500}', { callId: `c${i}` }).catch((error) => String(error)));
    return all;
  });
  expect(results).toEqual([
    "paid 5",
    "paid 500",
    expect.stringContaining("by kim: too much"),
    expect.stringContaining("asking failed: no network"),
    expect.stringContaining("nobody answered within 30 ms"),
  ]);
  expect(questions[0]).toMatchObject({
    ...{ agent: "a", tool: "pay", callId: "c0", arguments: '{"amount":500}', question: "Pay 500 EUR?", timeoutMs: 30 },
  });
  expect(questions[0]?.runId).toMatch(/^[0-9a-f]{32}$/);
  const approvals = await steps("approval");
  expect(approvals.map((step) => step["runledger.approval.approved"])).toEqual([true, false, false, false]);
  expect(approvals[0]).toMatchObject({ "runledger.approval.by": "kim", "runledger.step.reason": "known customer" });
  expect((await steps())[1]?.["runledger.tool.confirmed"]).toBe(true);
  expect((await steps())[0]).not.toHaveProperty("runledger.tool.confirmed");
});

test("a large result is cut for the model at a whole character, and recorded whole", async () => {
  const text = "ü".repeat(50);
  const read = recorded.ledger.tool({ name: "read", input: amount, maxResultBytes: 11, run: () => text });
  const result = await inRun(() => read({ amount: 1 }));
  expect(result).toMatchObject({ cut: true, total_bytes: 100, beginning: "ü".repeat(5) });
  expect(await steps()).toMatchObject([{ "gen_ai.tool.call.result": text, "runledger.tool.cut_to_bytes": 10 }]);
  const small = recorded.ledger.tool({ name: "read", input: amount, maxResultBytes: 11, run: () => "short" });
  expect(await inRun(() => small({ amount: 1 }))).toBe("short");
});

test("a result that does not fit its schema reaches nobody", async () => {
  const output = z.object({ total: z.number() });
  const sum = recorded.ledger.tool({
    name: "sum",
    input: amount,
    output,
    run: ({ amount }) => ({ total: amount > 1 ? amount : (Number.NaN as number) }),
  });
  expect(await inRun(() => sum({ amount: 2 }))).toEqual({ total: 2 });
  expect(await failure(inRun(() => sum({ amount: 1 })))).toMatchObject({ code: "invalid_result" });
});

test("a fallback stands in for a failure, as a step of its own that says so; not for a refusal", async () => {
  const rate = recorded.ledger.tool({
    name: "rate",
    input: amount,
    permission: "rates",
    run: (): number => {
      throw new Error("feed is down");
    },
    fallback: ({ amount }, error) => amount * (error instanceof Error ? 2 : 3),
  });
  const principal = { id: "kim", permissions: ["rates"] };
  expect(await inRun(() => rate({ amount: 4 }), { principal })).toBe(8);
  expect(await failure(inRun(() => rate({ amount: 4 })))).toMatchObject({ code: "permission_denied" });
  expect(await steps()).toMatchObject([
    { "error.type": "Error" },
    { "runledger.tool.fallback": true, "gen_ai.tool.call.result": "8" },
    { "error.type": "permission_denied" },
  ]);
});

test("refused calls count as errors in a row and as steps", async () => {
  const look = recorded.ledger.tool({ name: "look", input: amount, run: () => 1 });
  const agent = async () => {
    for (;;) await look("{}").catch((error) => (error instanceof ToolError ? undefined : Promise.reject(error)));
  };
  expect(await failure(inRun(agent, { limits: { toolErrors: 3 } }))).toMatchObject({ limit: "tool_errors" });
  expect(await steps()).toHaveLength(3);
});
