import { existsSync } from "node:fs";
import type { ActList } from "@runledger/contract";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, runledger, startProduct, temporaryDir } from "../support/product.ts";
import { modelCall, newTraceId, postSpans } from "../support/spans.ts";

const CHROMIUM = "/usr/bin/chromium";
const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const missing = !existsSync(CHROMIUM) && process.env["CI"] !== "true";
if (missing)
  process.stderr.write(`\n*** SKIPPED: the reasons of pages were NOT tested: ${CHROMIUM} is missing ***\n\n`);

const WHY = "ticket 7: Prüfung 検査 😀";

describe.skipIf(missing)("pages of a product that asks why", () => {
  let home: Awaited<ReturnType<typeof temporaryDir>>;
  let profile: Awaited<ReturnType<typeof temporaryDir>>;
  let product: Product;
  let browser: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    home = await temporaryDir("reason");
    profile = await temporaryDir("chromium");
    product = await startProduct(home.dir, { RUNLEDGER_REQUIRE_REASON: "on" });
    const how = { executablePath: CHROMIUM, args: ARGUMENTS, viewport: { width: 1440, height: 900 } };
    browser = await chromium.launchPersistentContext(profile.dir, how);
    page = await browser.newPage();
    page.setDefaultTimeout(30_000);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await product?.stop();
    await profile.remove();
    await home.remove();
  });

  const acts = async (): Promise<ActList["items"]> =>
    JSON.parse(await (await fetch(`${product.apiUrl}/v1/acts?action=content.read`)).text()).items;
  const field = () => page.getByRole("banner").getByRole("textbox", { name: "Why are you looking?" });
  const said = (role: string, content: string) => JSON.stringify([{ role, parts: [{ type: "text", content }] }]);

  it("ask for it where content is, send it with what is read and followed, and keep it until it is cleared", async () => {
    const traceId = newTraceId();
    const call = modelCall(
      traceId,
      { "gen_ai.agent.name": "porter", "gen_ai.input.messages": said("user", "Where is my parcel?") },
      { parentSpanId: "" },
    );
    await postSpans(product.httpUrl, [call]);
    const run = `${product.apiUrl}/v1/runs/${traceId}`;
    await expect.poll(async () => (await fetch(`${product.apiUrl}/v1/usage`)).status, { timeout: 30_000 }).toBe(200);
    await expect
      .poll(async () => (await fetch(run, { headers: { "runledger-reason": "wait" } })).status, { timeout: 30_000 })
      .toBe(200);

    await page.goto(`${product.apiUrl}/runs/${traceId}?step=${call.spanId}`);
    const prompt = page.locator(".reason-prompt").first();
    await prompt.waitFor();
    expect(await page.getByText("Where is my parcel?").count()).toBe(0);
    await prompt.getByRole("textbox").fill(WHY);
    await prompt.getByRole("button", { name: "Look" }).click();
    await page.getByText("Where is my parcel?").first().waitFor();
    await expect.poll(() => page.locator(".reason-prompt").count()).toBe(0);
    expect(await field().inputValue()).toBe(WHY);

    await page.reload();
    await page.getByText("Where is my parcel?").first().waitFor();
    await page.getByRole("link", { name: "Runs", exact: true }).first().click();
    await page.locator("tr.run-row").first().waitFor();
    const byPages = async () => (await acts()).filter(({ reason }) => reason !== "wait");
    const parts = async () => new Set((await byPages()).map(({ target }) => target["part"] ?? "step"));
    // The stream of all runs is a read of the errors that they may have.
    await expect.poll(parts, { timeout: 30_000 }).toEqual(new Set(["step", "previews", "errors"]));
    expect(new Set((await byPages()).map(({ reason }) => reason))).toEqual(new Set([WHY]));

    await page.getByRole("button", { name: "Clear why you are looking" }).click();
    expect(await field().inputValue()).toBe("");
    await page.goto(`${product.apiUrl}/runs/${traceId}?step=${call.spanId}`);
    await page.locator(".reason-prompt").first().waitFor();
    expect(await page.getByText("Where is my parcel?").count()).toBe(0);
    await field().fill("another");
    await field().press("Enter");
    await page.getByText("Where is my parcel?").first().waitFor();
    await expect.poll(async () => new Set((await byPages()).map(({ reason }) => reason))).toContain("another");
  }, 120_000);

  it("ask for it when a run comes whose error a list would quote", async () => {
    await page.getByRole("button", { name: "Clear why you are looking" }).click();
    await page.goto(product.apiUrl);
    await page.locator("tr.run-row").first().waitFor();
    expect(await page.locator(".reason-prompt").count()).toBe(0);
    const status = { code: 2, message: "the parcel of Ann is lost" };
    await postSpans(product.httpUrl, [modelCall(newTraceId(), {}, { parentSpanId: "", status })]);
    const prompt = page.locator(".reason-prompt");
    await prompt.waitFor();
    await prompt.getByRole("textbox").fill("complaint 9");
    await prompt.getByRole("textbox").press("Enter");
    await page.getByText("the parcel of Ann is lost").first().waitFor();
  }, 60_000);

  it("let `verify` read the log, which says what it is", async () => {
    const key = /^log (\S+)/m.exec((await runledger(["policy", "--data-dir", home.dir])).stdout)?.[1] ?? "";
    const { stdout } = await runledger(["verify", product.apiUrl, "--key", key, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "VERIFIED" });
    await expect
      .poll(async () => (await acts()).map(({ reason }) => reason), { timeout: 30_000 })
      .toContain("runledger verify");
  }, 60_000);
});
