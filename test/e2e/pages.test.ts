import { existsSync } from "node:fs";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { runDemo } from "runledger";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Product, startProduct, temporaryDir } from "../support/product.ts";

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
    await expect.poll(() => rows.count(), { timeout: 30_000 }).toBeGreaterThanOrEqual(7); // live: nobody reloads
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
});
