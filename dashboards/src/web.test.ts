import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWebAssets, webAssetsDir } from "./assets.ts";
import { createLongRun } from "./fixtures/data.ts";
import type { FixtureRun } from "./fixtures/runs.ts";
import { createFixtureServer, type FixtureServer } from "./fixtures/server.ts";

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
const NOW_MS = Date.now();

const missing = !existsSync(CHROMIUM);
if (missing && process.env["CI"] !== "true") {
  process.stderr.write(
    `\n*** SKIPPED: the pages were NOT tested: ${CHROMIUM} is missing (apt-get install chromium) ***\n\n`,
  );
}

describe.skipIf(missing && process.env["CI"] !== "true")("the pages in chromium", () => {
  let profile: string;
  let context: BrowserContext;
  let server: FixtureServer;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    await buildWebAssets({ log: () => undefined });
    profile = mkdtempSync(join(tmpdir(), "runledger-web-"));
    context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      args: ARGUMENTS,
      viewport: { width: 1440, height: 900 },
      permissions: ["clipboard-read", "clipboard-write"],
    });
  });
  afterAll(async () => {
    await context?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  beforeEach(async () => {
    server = await createFixtureServer({ webAssetsDir, nowMs: NOW_MS });
    page = await context.newPage();
    page.setDefaultTimeout(30_000);
    complaints = [];
    // Violations of the content security policy come as console errors.
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
  });
  afterEach(async () => {
    await page.unrouteAll({ behavior: "wait" }); // what is being answered still when a test is over
    await page.close();
    await server.close();
  });

  const rows = () => page.locator("tr.run-row");
  const steps = () => page.getByRole("option");
  const runOf = (fits: (fixture: FixtureRun) => boolean): FixtureRun => {
    const found = server.runs.find(fits);
    if (!found) throw new Error("the fixtures have no such run");
    return found;
  };
  const ticket = () => runOf(({ run }) => run.agent.name === "support" && run.status === "completed");
  const openRun = (fixture: FixtureRun, step?: number) => {
    const stepId = step === undefined ? "" : `?step=${fixture.steps[step - 1]?.step_id}`;
    return page.goto(`${server.url}/runs/${fixture.run.run_id}${stepId}`);
  };

  it("lists runs with status, cost and what is unknown, without a complaint of the browser", async () => {
    await page.goto(server.url);
    await rows().first().waitFor();
    expect(await page.title()).toBe("Runs · Runledger");
    const retried = rows().filter({ hasText: "billing" }).first();
    expect(await retried.textContent()).toContain("— / —");
    expect(await retried.getByTitle(/2 calls without input tokens/).count()).toBe(1);
    const stopped = rows().filter({ hasText: "market-research" }).first();
    expect(await stopped.textContent()).toContain("Stopped");
    expect(await stopped.getByTitle(/ in, .* out\n1 call without output tokens$/).textContent()).toMatch(
      /K \/ .*\d\+\?$/,
    );
    expect(await page.getByRole("region", { name: "Firing alerts" }).textContent()).toContain("14 times");
    expect(complaints).toEqual([]);
  });

  it("keeps filters and order in the address, and finds them there again", async () => {
    await page.goto(server.url);
    await page.getByLabel("Status", { exact: true }).selectOption("failed");
    await page.waitForURL(/status=failed/);
    await expect
      .poll(async () => new Set(await page.locator("tr.run-row .status").allTextContents()))
      .toEqual(new Set(["Failed"]));
    await page.getByRole("button", { name: "Duration" }).click();
    await page.waitForURL(/order=-duration_ms/);
    await page.reload();
    await rows().first().waitFor();
    expect(new Set(await page.locator("tr.run-row .status").allTextContents())).toEqual(new Set(["Failed"]));
    expect(await page.getByRole("columnheader", { name: "Duration" }).getAttribute("aria-sort")).toBe("descending");
    await page.getByRole("searchbox", { name: "Search" }).fill("nothing has this text");
    await page.getByText("No runs here").waitFor();
    expect(complaints).toEqual([]);
  });

  it("fetches more runs while one scrolls, and holds only the rows in view", async () => {
    await page.goto(server.url);
    await rows().first().waitFor();
    for (let scrolls = 0; scrolls < 12; scrolls++) {
      await page.locator(".run-scroll").evaluate((element) => element.scrollBy(0, 1_500));
      await page.waitForTimeout(60);
    }
    const last = String(server.runs.length + 1);
    await page.locator(".run-scroll").evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.locator(`tr[aria-rowindex="${last}"]`).waitFor();
    expect(await rows().count()).toBeLessThan(70);
  });

  it("shows a run that starts, without a reload", async () => {
    await page.goto(server.url);
    await page.getByText("Live", { exact: true }).waitFor();
    server.start();
    await rows().filter({ hasText: "triage" }).waitFor();
    expect(await rows().first().textContent()).toContain("triage");
  });

  it("polls while there is no event stream", async () => {
    server.setLive(false);
    await page.goto(server.url);
    await page.getByText("Polling", { exact: true }).waitFor();
    server.start();
    await rows().filter({ hasText: "triage" }).waitFor();
  });

  it("opens a run, and a step with its conversation, by mouse and by keys", async () => {
    await page.goto(server.url);
    await rows().filter({ hasText: "refunded" }).first().click();
    await page.waitForURL(/\/runs\//);
    await expect.poll(() => steps().count()).toBe(8);
    await steps().filter({ hasText: "issue_refund" }).click();
    await page.getByRole("complementary", { name: /issue_refund/ }).waitFor();
    await page.getByRole("listbox", { name: "Steps" }).press("ArrowDown");
    await page.waitForURL(new RegExp(`step=${ticket().steps[6]?.step_id}`));
    const panel = page.getByRole("complementary");
    await panel.getByText("I'd like my money back").waitFor();
    const text = await panel.textContent();
    expect(text).toContain("You are the support agent of Northwind Outfitters.");
    expect(text).toContain('"order_id": "NW-48213"');
    expect(text).toContain("I've refunded the jacket");
    expect(await panel.getByRole("link", { name: "Inclusion proof" }).getAttribute("href")).toBe(
      `/v1/audit/proof?record_id=${ticket().steps[6]?.record_id}`,
    );
    await panel.getByRole("button", { name: /Raw response/ }).click();
    expect(await panel.textContent()).toContain("data: [DONE]");
    expect(complaints).toEqual([]);
  });

  it("marks repeated calls and the calls of tools that do not exist", async () => {
    await openRun(runOf(({ run }) => run.status === "stopped"));
    await page.getByRole("button", { name: "web_search: same call ×14" }).waitFor();
    expect(await steps().filter({ hasText: "same call ×14" }).count()).toBeGreaterThan(5);
    // The last one was asked for when the run was stopped.
    await page.getByText("1 call without a result").waitFor();
    await page.getByRole("listbox", { name: "Steps" }).press("End");
    await page.getByRole("listbox", { name: "Steps" }).press("ArrowUp");
    await page.locator(".step-panel").getByText("no result seen: how it went is not known").waitFor();
    expect(await page.locator(".step-summary").textContent()).not.toMatch(/OK|took/);
    expect(await steps().filter({ hasText: "no result seen" }).locator(".took").allTextContents()).toEqual(["—"]);
    await openRun(
      runOf(({ run }) => run.agent.name === "data-analyst"),
      2,
    );
    await page.getByText("not among the tools offered", { exact: true }).waitFor();
    expect(await page.getByText("Gaps: 5 of 6 records").count()).toBe(1);
  });

  it("says of an error without its message that the key may not show it", async () => {
    const failed = runOf(({ run }) => run.error !== null);
    await page.route(/\/v1\/runs\/[^/]+(\/steps)?(\?|$)/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({
        response,
        body: (await response.text()).replaceAll(/"message":"[^"]*"/g, '"message":null'),
      });
    });
    await openRun(failed);
    await page.locator(".run-why").getByText("takes the role investigator").waitFor();
    expect(await page.locator(".run-why code").last().textContent()).toBe(failed.run.error?.type);
  });

  it("shows what only the agent could tell: choices, verdicts, approvals, states, artifacts, scores, limits", async () => {
    const claims = runOf(({ run }) => run.agent.name === "claims");
    const panel = page.locator(".step-panel");
    const shown = async (step: number, ...words: string[]) => {
      await openRun(claims, step);
      for (const word of words) await panel.getByText(word, { exact: false }).first().waitFor();
    };
    await shown(3, "repair", "pay out", "chosen", "Repair would cost more");
    expect(await panel.locator('.options li[data-chosen="true"]').textContent()).toContain("pay out");
    await shown(8, "rejected", "no-iban-in-mail", "The draft names the whole IBAN.");
    await shown(5, "approved", "l.meyer", "within policy 4.2");
    await shown(6, "irreversible", "claims:pay", "Confirmed");
    await shown(9, "Checkpoint", "5f0c1c1e");
    await shown(10, "0.94", "kind and clear");
    await shown(11, "cost_usd", "0.512");
    await shown(12, "claims desk");
    await shown(4, "text/csv", "screen,240");
    const [saved] = await Promise.all([page.waitForEvent("download"), panel.getByText("Save assessment.csv").click()]);
    expect(saved.suggestedFilename()).toBe("assessment.csv");
    expect(readFileSync(await saved.path(), "utf8")).toBe("part,price_eur\nscreen,240\nlabour,110\n");
    expect(await steps().filter({ hasText: "→ pay out" }).count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("adds the steps of a running run as they come and keeps the chosen step", async () => {
    await openRun(server.growing, 1);
    await expect.poll(() => steps().count()).toBe(3);
    await page.getByText("Live", { exact: true }).waitFor();
    server.grow();
    await expect.poll(() => steps().count()).toBe(4);
    expect(await page.getByRole("option", { selected: true }).getAttribute("aria-posinset")).toBe("1");
    server.finish();
    await page.locator(".run-title").getByText("Completed").waitFor();
    expect(complaints).toEqual([]);
  });

  it("waits for content that is not in the log yet", async () => {
    const detail = ticket().details.get(ticket().steps[1]?.step_id ?? "");
    if (!detail?.llm) throw new Error("step 2 is a model call");
    const { messages } = detail.llm;
    Object.assign(detail, { content: "pending" });
    Object.assign(detail.llm, { messages: null });
    await openRun(ticket(), 2);
    await page.getByText("on its way into the log").waitFor();
    Object.assign(detail, { content: "available" });
    Object.assign(detail.llm, { messages });
    await page.getByText("I'd like my money back").waitFor();
  });

  it("shows markup of an agent as text", async () => {
    await openRun(
      runOf(({ run }) => run.agent.name?.includes("<img") === true),
      1,
    );
    await page
      .getByRole("button", { name: /Show more|Show all/ })
      .first()
      .waitFor();
    expect(await page.title()).not.toBe("owned");
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("says what the API says when it fails, and tries again", async () => {
    server.setBroken(true);
    await page.goto(server.url);
    const failure = page.getByRole("alert").filter({ hasText: "The runs could not be loaded" });
    await failure.waitFor();
    expect(await failure.textContent()).toContain("ClickHouse does not answer");
    expect(await failure.textContent()).toContain("Is the store running?");
    server.setBroken(false);
    await failure.getByRole("button", { name: "Try again" }).click();
    await rows().first().waitFor();
  });

  it("tells how to send the first run when there is none", async () => {
    const empty = await createFixtureServer({ webAssetsDir, nowMs: NOW_MS, runs: [] });
    try {
      await page.goto(empty.url);
      await page.getByRole("heading", { name: "No runs yet" }).waitFor();
      expect(await page.getByText("createRunledger()").count()).toBe(1);
    } finally {
      await empty.close();
    }
  });

  it("stays quick with 100,000 steps", async () => {
    const long = createLongRun(NOW_MS, 100_000);
    server.runs.push(long);
    await openRun(long);
    await page.getByText(/^100,000 steps/).waitFor({ timeout: 40_000 });
    expect(await steps().count()).toBeLessThan(90);
    await page.getByRole("listbox", { name: "Steps" }).press("End");
    const pressedAt = Date.now();
    await page.getByRole("option", { selected: true }).filter({ hasText: "100000" }).waitFor();
    expect(Date.now() - pressedAt).toBeLessThan(2_000);
  });
});
