import { afterAll, beforeAll, expect, it } from "vitest";
import { type Product, startProduct, temporaryDir } from "../support/product.ts";
import { type BigRunFigures, longHistory, manySpans, requestAtTheLimit } from "./big-runs.ts";

/** The bounded form of `big-runs.slow.test.ts`. */
const MAX_PRODUCT_BYTES = 2 * 2 ** 30;

let home: Awaited<ReturnType<typeof temporaryDir>>;
let product: Product;
beforeAll(async () => {
  home = await temporaryDir("big-runs");
  product = await startProduct(home.dir);
});
afterAll(async () => {
  await product.kill();
  await home.remove();
});

function withinBounds(figures: BigRunFigures): void {
  expect(figures.peakProductBytes).toBeLessThan(MAX_PRODUCT_BYTES);
}

it("shows every span of a run of 2,100, page by page", async () => {
  withinBounds(await manySpans(product, 2_100));
}, 180_000);

it("gives back each step of a run that sends its history again and again", async () => {
  withinBounds(await longHistory(product, { steps: 70, messageBytes: 1_500, checked: [0, 1, 62, 63, 64, 65, 69] }));
}, 180_000);

it("gives back a message of 5 MB, sent twice", async () => {
  withinBounds(await longHistory(product, { steps: 2, messageBytes: 5_000_000, checked: [0, 1] }));
}, 180_000);

it("takes a request of 64 MiB whole, and refuses one byte more with the limit in the answer", async () => {
  withinBounds(await requestAtTheLimit(product));
}, 180_000);
