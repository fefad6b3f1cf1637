import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { Approval, Step } from "@runledger/contract";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { runDemo } from "runledger";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

const CHROMIUM = "/usr/bin/chromium";
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const missing = !existsSync(CHROMIUM) && process.env["CI"] !== "true";
if (missing) process.stderr.write(`\n*** SKIPPED: the real pages were NOT tested: ${CHROMIUM} is missing ***\n\n`);

describe.skipIf(missing)("the pages of the running product, in a browser", () => {
  let home: Awaited<ReturnType<typeof temporaryDir>>;
  let profile: Awaited<ReturnType<typeof temporaryDir>>;
  let product: Product;
  let browser: BrowserContext;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    home = await temporaryDir("pages");
    profile = await temporaryDir("chromium");
    product = await startProduct(home.dir);
    browser = await chromium.launchPersistentContext(profile.dir, {
      executablePath: CHROMIUM,
      args: ARGUMENTS,
      viewport: { width: 1440, height: 900 },
    });
    page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await product?.stop();
    await profile.remove();
    await home.remove();
  });

  it("show the demo's runs as they come, and what a model saw at a step", async () => {
    await page.goto(product.apiUrl);
    await page
      .getByText("Send the first run")
      .or(page.getByText(/first run/i))
      .first()
      .waitFor();
    await runDemo({ endpoint: product.grpcUrl, rounds: 1, log: () => undefined });

    const rows = page.locator("tr.run-row");
    await expect.poll(() => rows.count(), { timeout: 30_000 }).toBeGreaterThanOrEqual(8); // live: nobody reloads
    const stopped = rows.filter({ hasText: "Stopped" }).first();
    expect(await stopped.textContent()).toContain("export-courier");
    await stopped.click();
    await page.waitForURL(/\/runs\/[0-9a-f]{32}/);
    await page.getByText("same call ×8").first().waitFor();
    await page.getByText("loop.repeat").first().waitFor();
    await page.getByRole("option").first().click();
    await page.getByText("Send me the link to export exp_7731.").first().waitFor();
    await page.getByText("You deliver data exports.").first().waitFor();
    expect(complaints).toEqual([]);
  }, 120_000);

  it("show what only the agent could tell, from the SDK to the page and in the log", async () => {
    const get = async (path: string) => JSON.parse(await (await fetch(`${product.apiUrl}/v1/runs${path}`)).text());
    const claims = () => get("?agent=claims");
    await expect.poll(async () => (await claims()).items[0]?.status, { timeout: 30_000 }).toBe("completed");
    const [run] = (await claims()).items;
    expect(run).toMatchObject({ guardrail_rejections: 1, tool_errors: 1, outcome: "paid" });
    const { items } = await get(`/${run.run_id}/steps`);
    const named = (name: string, kind: string) => items.find((step: Step) => step.name === name && step.kind === kind);
    expect(named("settlement", "decision").decision).toEqual({
      options: ["repair", "replace", "pay out"],
      choice: "pay out",
      confidence: 0.82,
    });
    expect(named("pay_out", "approval").approval).toEqual({ tool: "pay_out", approved: true, by: "l.meyer" });
    expect(named("pay_out", "tool").tool).toMatchObject({
      side_effect: "irreversible",
      permission: "claims:pay",
      principal: "l.meyer",
      confirmed: true,
      idempotency_key: "CL-2231",
    });
    const detailOf = (step: Step) => get(`/${run.run_id}/steps/${step.step_id}`);
    const artifact = named("CL-2231.csv", "state");
    await expect.poll(async () => (await detailOf(artifact)).content, { timeout: 30_000 }).toBe("available");
    const { output, artifact: facts } = await detailOf(artifact);
    expect(createHash("sha256").update(output).digest("hex")).toBe(facts.sha256);
    await page.goto(`${product.apiUrl}/runs/${run.run_id}?step=${named("settlement", "decision").step_id}`);
    await page.getByText("A repair would cost more than the phone is worth.").first().waitFor();
    expect(await page.locator('.options li[data-chosen="true"]').textContent()).toContain("pay out");
    expect(complaints).toEqual([]);
  }, 120_000);

  it("show at a run's head what it was asked and answered, and the record of it on demand", async () => {
    const said = (role: string, content: string) => JSON.stringify([{ role, parts: [{ type: "text", content }] }]);
    const root = modelCall(
      newTraceId(),
      {
        ...{ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "porter", "shop.order": "A-7731" },
        "gen_ai.input.messages": said("user", "Where is my parcel?"),
        "gen_ai.output.messages": said("assistant", "It waits in Rotterdam."),
      },
      { parentSpanId: "" },
    );
    await postSpans(product.httpUrl, [root]);
    const url = `${product.apiUrl}/v1/runs/${root.traceId}`;
    await expect.poll(async () => (await fetch(url)).status, { timeout: 30_000 }).toBe(200);
    await page.goto(`${product.apiUrl}/runs/${root.traceId}`);
    const whole = page.getByRole("region", { name: "The run as a whole: porter" });
    await whole.getByText("Where is my parcel?").waitFor();
    await whole.getByText("It waits in Rotterdam.").waitFor();
    await whole.getByRole("button", { name: "The record of the run as a whole" }).click();
    await whole.getByText("shop.order").waitFor();
    expect(complaints).toEqual([]);
  }, 120_000);

  it("show what a run waits for, and answer it", async () => {
    const [run] = JSON.parse(await (await fetch(`${product.apiUrl}/v1/runs?agent=claims`)).text()).items;
    const ask = (digit: string, timeout_ms: number) =>
      fetch(`${product.apiUrl}/v1/approvals`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          approval_id: digit.repeat(32),
          run_id: run.run_id,
          agent: "claims",
          tool: "pay_out",
          question: `Pay ${digit} EUR?`,
          arguments: `{"eur":${digit}}`,
          timeout_ms,
        }),
      });
    await ask("7", 300_000);
    await ask("8", 900_000);
    await page.goto(`${product.apiUrl}/runs/${run.run_id}`);
    const waits = page.getByText("It waits for an approval: Pay 7 EUR?");
    await waits.getByRole("link", { name: "Answer" }).click();
    const first = page.locator("article").first(); // its time runs out first
    await first.getByText("Show the arguments").click();
    await first.getByText('"eur": 7').waitFor();
    await first.getByRole("textbox").fill("twice the damage");
    await first.getByRole("button", { name: "Deny" }).click();
    await page.getByRole("cell", { name: "twice the damage" }).waitFor();
    const answered: { items: Approval[] } = JSON.parse(await (await fetch(`${product.apiUrl}/v1/approvals`)).text());
    expect(answered.items.map(({ status, reason }) => [status, reason])).toEqual([
      ["pending", null],
      ["denied", "twice the damage"],
    ]);
    expect(complaints).toEqual([]);
  }, 120_000);
});
