import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  ActList,
  ApprovalDetail,
  ErasureAnswer,
  ExportJob,
  Hold,
  RunDetail,
  SealedPayloads,
  StepDetail,
  StepList,
  StoreVerification,
} from "@runledger/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendWords } from "../support/person-words.ts";
import { eventually, getJson, type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";
import { wordsInFiles, wordsInRows } from "../support/words-left.ts";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
/** The log's verifier key. */
let key: string | undefined;

beforeAll(async () => {
  home = await temporaryDir("erasure");
  product = await startProduct(home.dir);
});
afterAll(async () => {
  await product.stop();
  await home.remove();
});

const SECRETS = { alice: "my diagnosis is confidential", bob: "bob's bank account", nobody: "an orphan's secret" };

/** A run of two calls: the first names the person, the second does not, as children of instrumentations often do. */
async function record(user: string | null, secret: string): Promise<string> {
  const traceId = newTraceId();
  const messages = JSON.stringify([{ role: "user", parts: [{ type: "text", content: secret }] }]);
  const named = user === null ? {} : { "enduser.id": user };
  const content = { "gen_ai.input.messages": messages, "gen_ai.output.messages": messages };
  const spans = [modelCall(traceId, { ...content, ...named }), modelCall(traceId, content)];
  expect((await postSpans(product.httpUrl, spans)).status).toBe(200);
  await eventually(
    () => steps(traceId),
    (found) => found.length === 2 && found.every((step) => step.content === "available"),
    60_000,
  );
  return traceId;
}

/** The record of the run as a whole: as the run names it, and itself. */
async function whole(runId: string): Promise<unknown[]> {
  const [root] = (await run(runId)).roots;
  return [root, await getJson<StepDetail>(`${product.apiUrl}/v1/runs/${runId}/steps/${root?.step_id}`)];
}

async function steps(runId: string): Promise<StepDetail[]> {
  const url = `${product.apiUrl}/v1/runs/${runId}/steps`;
  const response = await fetch(url);
  if (response.status === 404) return [];
  const { items } = (await response.json()) as StepList;
  return await Promise.all(items.map((step) => getJson<StepDetail>(`${url}/${step.step_id}`)));
}

const run = (runId: string) => getJson<RunDetail>(`${product.apiUrl}/v1/runs/${runId}`);

async function post<Answer>(path: string, body: object): Promise<{ status: number; body: Answer }> {
  const response = await fetch(`${product.apiUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

/** The id of a bundle that is done. */
async function exported(filter: object): Promise<string> {
  const { status, body } = await post<ExportJob>("/v1/exports", {
    filter,
    recipient: "Auditor GmbH",
    reason: "yearly",
  });
  expect(status).toBe(202);
  const one = () => getJson<ExportJob>(`${product.apiUrl}/v1/exports/${body.export_id}`);
  expect((await eventually(one, ({ state }) => !["pending", "running"].includes(state))).state).toBe("done");
  return body.export_id;
}

const bundle = (id: string) => fetch(`${product.apiUrl}/v1/exports/${id}/bundle`);

const cli = (...args: string[]) => runledger([...args, "--api", product.apiUrl]);

async function verified(): Promise<{ verdict: string; sealedPayloads: SealedPayloads | null }> {
  key ??= /^log (\S+)/m.exec((await runledger(["policy", "--data-dir", home.dir])).stdout)?.[1] ?? "";
  const { stdout } = await runledger(["verify", home.dir, "--key", key, "--json"]);
  const { verdict, logs } = JSON.parse(stdout) as StoreVerification;
  return { verdict, sealedPayloads: logs[0]?.sealedPayloads ?? null };
}

/** The files below the objects and ClickHouse that hold this text, or its base64. */
async function filesWith(secret: string): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["objects", "journal"]) {
    const entries = await readdir(join(home.dir, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      if ((await readFile(path).catch(() => Buffer.of())).includes(secret)) found.push(path);
    }
  }
  return found;
}

test("a person is erased: content, previews and id are gone for ever, and everything still verifies", async () => {
  const [alice, bob, nobody] = [
    await record("alice", SECRETS.alice),
    await record("bob", SECRETS.bob),
    await record(null, SECRETS.nobody),
  ];
  expect((await filesWith(SECRETS.alice)).filter((path) => path.includes("objects"))).toEqual([]);
  expect((await run(alice)).user_id).toBe("alice");

  const held = await post<Hold>("/v1/holds", { scope: { user_id: "alice" }, reason: "a lawsuit" });
  expect(held.status).toBe(201);
  const refused = await cli("erase", "--user", "alice", "--reason", "she asked");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`the legal hold ${held.body.hold_id} is on it: a lawsuit`);
  expect((await cli("holds")).stdout).toContain("user_id alice");
  expect((await cli("lift", held.body.hold_id, "--reason", "settled")).code).toBe(0);

  const [withAlice, ofBobOnly] = [await exported({}), await exported({ user: "bob" })];
  expect([(await bundle(withAlice)).status, (await bundle(ofBobOnly)).status]).toEqual([200, 200]);

  const erased = await cli("erase", "--user", "alice", "--reason", "she asked", "--json");
  expect(erased.stderr).toBe("");
  const answer = JSON.parse(erased.stdout) as ErasureAnswer;
  expect(answer).toMatchObject({ state: "done", keys: 2, clear_records: 0, reason: "she asked" });

  for (const step of await steps(alice)) {
    expect(step).toMatchObject({
      content: "erased",
      erased: { reason: "she asked", log_index: answer.log_indexes[0] },
      input_preview: "",
      output_preview: "",
      llm: { messages: null, response: null, input_tokens: 100 },
    });
  }
  const after = await run(alice);
  expect(after.user_id).toMatch(/^erased:[0-9a-f]{12}$/);
  expect(after.input_tokens).toBe(200);
  for (const other of [bob, nobody])
    expect((await steps(other)).map(({ content }) => content)).toEqual(["available", "available"]);
  expect(await verified()).toMatchObject({
    verdict: "VERIFIED",
    sealedPayloads: { unopened: 0, erased: 4, destructions: [{ action: "erasure", payloads: 4 }] },
  });

  const gone = await bundle(withAlice);
  expect([gone.status, await gone.text()]).toEqual([
    404,
    expect.stringContaining(`erased since (erasure ${answer.erasure_id})`),
  ]);
  expect((await bundle(ofBobOnly)).status).toBe(200);
  expect((await readdir(join(home.dir, "exports"))).filter((name) => name.startsWith(withAlice))).toEqual([]);
  expect((await bundle(await exported({}))).status).toBe(200);

  // What she does from now on is hers again, under a new key.
  const later = await record("alice", SECRETS.alice);
  expect((await run(later)).user_id).toBe("alice");
  expect((await steps(alice))[0]?.content).toBe("erased");
}, 180_000);

test("what comes late to a run of an erased person is theirs: a hold on them keeps it, and asked again it goes", async () => {
  const runId = await record("carol", "carol's first words");
  const erasing = (subject: object) => post<ErasureAnswer>("/v1/erasures", { subject, reason: "asked" });
  expect((await erasing({ user_id: "carol" })).body).toMatchObject({ state: "done", keys: 2 });
  expect((await erasing({ user_id: "carol" })).status).toBe(404);
  const messages = JSON.stringify([{ role: "user", parts: [{ type: "text", content: "carol's late words" }] }]);
  expect((await postSpans(product.httpUrl, [modelCall(runId, { "gen_ai.input.messages": messages })])).status).toBe(
    200,
  );
  const contents = async () => (await steps(runId)).map(({ content }) => content).sort();
  await eventually(contents, (found) => found.join() === "available,erased,erased", 60_000);

  const held = await post<Hold>("/v1/holds", { scope: { user_id: "carol" }, reason: "a lawsuit" });
  for (const subject of [{ run_id: runId }, { user_id: "carol" }])
    expect(await erasing(subject)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(held.body.hold_id) } },
    });
  expect((await cli("lift", held.body.hold_id, "--reason", "settled")).code).toBe(0);
  expect((await erasing({ user_id: "carol" })).body).toMatchObject({ state: "done", keys: 1 });
  expect(await contents()).toEqual(["erased", "erased", "erased"]);
  expect((await steps(runId)).map(({ input_preview }) => input_preview)).toEqual(["", "", ""]);
});

test("a run of nobody's is erased by its id; one that names a person is not, nor one that is unknown", async () => {
  const [nobody, bob] = [await record(null, SECRETS.nobody), await record("bob", SECRETS.bob)];
  const ofBob = await cli("erase", "--run", bob, "--reason", "r");
  expect(ofBob.stderr).toContain("is of a person");
  expect((await cli("erase", "--user", "nobody at all", "--reason", "r")).stderr).toContain(
    "nothing is sealed of this",
  );
  expect(await post("/v1/erasures", { subject: { run_id: nobody }, reason: "r" })).toMatchObject({
    status: 200,
    body: { state: "done", keys: 1 },
  });
  expect((await steps(nobody)).map(({ content }) => content)).toEqual(["erased", "erased"]);
  expect((await verified()).verdict).toBe("VERIFIED");
}, 120_000);

test("a restart and a rebuild from the log bring nothing back, and the master key can be rotated", async () => {
  const before = (await getJson<{ items: RunDetail[] }>(`${product.apiUrl}/v1/runs`)).items;
  const gone = before.filter(({ user_id }) => user_id?.startsWith("erased:"));
  expect(gone).toHaveLength(2);
  const elsewhere = { RUNLEDGER_OBJECTS: `file:${join(home.dir, "objects")}`, RUNLEDGER_SHARD: "1" };
  const beside = await runledger(["rebuild", "--data-dir", join(home.dir, "beside")], elsewhere);
  expect(beside).toMatchObject({ code: 1, stderr: expect.stringContaining("Runledger runs over this store") });
  await product.stop();
  expect((await runledger(["rebuild", "--data-dir", home.dir])).code).toBe(0);
  const rotated = await runledger(["rotate-master-key", "--data-dir", home.dir, "--reason", "yearly"]);
  expect(rotated).toMatchObject({ code: 0, stdout: expect.stringContaining("rotated") });
  product = await startProduct(home.dir);
  const rotations = () => getJson<ActList>(`${product.apiUrl}/v1/acts?action=master_key.rotate`);
  const { items } = await eventually(rotations, (found) => found.items.length > 0, 60_000);
  expect(items).toMatchObject([{ reason: "yearly", actor: { name: expect.stringContaining("(system user)") } }]);
  const after = (await getJson<{ items: RunDetail[] }>(`${product.apiUrl}/v1/runs`)).items;
  expect(after.map(({ run_id, user_id }) => [run_id, user_id]).sort()).toEqual(
    before.map(({ run_id, user_id }) => [run_id, user_id]).sort(),
  );
  for (const { run_id } of after) {
    const isGone = (await steps(run_id)).map(({ content, input_preview }) => [content, input_preview !== ""]);
    const expected = isGone[0]?.[0] === "erased" ? ["erased", false] : ["available", true];
    expect(isGone).toEqual(isGone.map(() => expected));
  }
  expect((await verified()).verdict).toBe("VERIFIED");
}, 180_000);

/** What docs/privacy.md says remains of an erased person, by their field (test/support/person-words.ts). */
const REMAINS = {
  log: ["", "attribute", "call", "choice", "end", "enderror", "error", "exception", "feedback", "kill", "limit"].concat(
    ["logattribute", "logbody", "metric", "reason-approve", "reason-deny", "session", "stack", "task"],
  ),
  rows: {
    ...{ call: ["steps.tool_call_id", "steps.tool_request_ids"], choice: ["steps.agent_facts"] },
    ...{ kill: ["acts.act", "log_entries.act"], metric: ["metric_points.attributes"] },
    ...{ "reason-approve": ["acts.act", "log_entries.act"], "reason-deny": ["acts.act", "log_entries.act"] },
    ...{ session: ["runs.session_id", "steps.session_id"], task: ["runs.task_id", "steps.task_id"] },
    "": ["acts.act", "log_entries.act"],
  },
};

test("an auditor finds an erased person's words only where docs/privacy.md says so, and the other's where they were", async () => {
  const [gone, kept] = ["carolina", "danielle"];
  const [hers, others] = [
    await sendWords(product.httpUrl, product.apiUrl, gone),
    await sendWords(product.httpUrl, product.apiUrl, kept),
  ];
  for (const { runId } of [hers, others])
    await eventually(
      () => steps(runId),
      (found) => found.length === 4 && found.every((step) => step.content !== "pending"),
      60_000,
    );
  const withHers = await exported({ user: gone });
  expect((await cli("erase", "--user", gone, "--reason", "asked")).code).toBe(0);
  expect((await bundle(withHers)).status).toBe(404);

  const asked = await Promise.all(
    [hers, others].map(({ approvals: { none, deny } }) =>
      Promise.all([none, deny].map((id) => getJson<ApprovalDetail>(`${product.apiUrl}/v1/approvals/${id}`))),
    ),
  );
  expect(asked.map((of) => of.map((one) => [one.status, one.question, one.arguments, one.reason]))).toEqual([
    [
      ["pending", null, null, null],
      ["denied", null, null, null],
    ],
    [
      ["pending", `${kept}-question-none`, `${kept}-approval`, null],
      ["denied", `${kept}-question-deny`, `${kept}-approval`, `${kept}-reason-deny`],
    ],
  ]);
  expect(JSON.stringify(await steps(hers.runId))).not.toMatch(/carolina-(system|prompt|asked|arguments|result|why)/);
  expect(JSON.stringify(await whole(hers.runId))).not.toContain(gone);
  expect(await whole(hers.runId)).toMatchObject([{ input_preview: "", output_preview: "" }, { content: "erased" }]);
  const ofOther = { input_preview: `${kept}-question`, output_preview: `${kept}-answer` };
  expect(await whole(others.runId)).toMatchObject([ofOther, { ...ofOther, content: "available" }]);
  const shown = JSON.stringify(await steps(others.runId));
  for (const field of ["system", "prompt", "asked", "arguments", "result", "why"])
    expect(shown).toContain(`${kept}-${field}`);
  expect((await verified()).verdict).toBe("VERIFIED");
  await product.stop();

  const left = await wordsInFiles(home.dir, gone);
  const expected = (field: string) => (field === "" ? gone : `${gone}-${field}`);
  for (const [word, places] of Object.entries(left))
    left[word] = places.filter((place) => !place.startsWith("journal/"));
  for (const [word, places] of Object.entries(left)) if (places.length === 0) delete left[word];
  expect(left).toEqual({
    ...Object.fromEntries(REMAINS.log.map((field) => [expected(field), ["objects/log/0"]])),
    [gone]: ["objects/log/0", "objects/state/erasures"],
  });
  expect(await wordsInRows(home.dir, gone)).toEqual(
    Object.fromEntries(Object.entries(REMAINS.rows).map(([field, places]) => [expected(field), places])),
  );
}, 180_000);
