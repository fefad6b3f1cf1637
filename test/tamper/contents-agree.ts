import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgreeSample, createAgreeSample } from "./agree-sample.ts";
import { type AgreeingVerifiers, startAgreeingVerifiers } from "./agree-verifiers.ts";
import { falsehoods, logOfContents } from "./false-contents.ts";
import { createDraw, type Draw } from "./odd-json.ts";

/** Contents that others go on from, and these others too. */
const CHAINED = new Set([0, 1, 3, 4, 5]);

function shuffled<T>(contents: readonly T[], draw: Draw): T[] {
  return contents
    .map((content) => ({ content, at: draw.below(1_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ content }) => content);
}

/** Declares the tests. @param step every so many of the falsehoods is tried. */
export function testContents(step: number): void {
  let sample: AgreeSample;
  let verifiers: AgreeingVerifiers;
  beforeAll(async () => {
    sample = await createAgreeSample();
    verifiers = await startAgreeingVerifiers();
  });
  afterAll(async () => {
    await verifiers.close();
    await sample.remove();
  });

  test("honest contents of every form are VERIFIED, as a bundle and as a store", async () => {
    const asked = await logOfContents({ name: "none", isOfStore: false }, sample);
    const { node, python } = await verifiers.ask(asked);
    expect({ node: node.verdict, python: python.verdict, store: asked.store }, JSON.stringify([node, python])).toEqual({
      node: "VERIFIED",
      python: "VERIFIED",
      store: "VERIFIED",
    });
  });

  test("in whatever order they stand: what only others go on from is needed, and missed", async () => {
    const inEntries = (at: number) => !CHAINED.has(at);
    const draw = createDraw(7);
    for (const order of [
      <T>(contents: readonly T[]) => contents.toReversed(),
      ...Array.from(
        { length: 8 },
        () =>
          <T>(contents: readonly T[]) =>
            shuffled(contents, draw),
      ),
    ]) {
      const honest = await logOfContents({ name: "none", isOfStore: false }, sample, { inEntries, order });
      const { node, python } = await verifiers.ask(honest);
      expect([node.verdict, python.verdict], JSON.stringify([node, python])).toEqual(["VERIFIED", "VERIFIED"]);
    }
    // The text at the end of the first chain, behind those that entries refer to.
    const shown = 16 - CHAINED.size;
    const without = <T>(contents: readonly T[]) => contents.toSpliced(shown, 1).toReversed();
    const cut = await logOfContents({ name: "none", isOfStore: false }, sample, { inEntries, order: without });
    const { node, python } = await verifiers.ask(cut);
    expect([node.verdict, python.verdict], JSON.stringify([node, python])).toEqual(["INCOMPLETE", "INCOMPLETE"]);
  });

  test("what the holder of all keys states falsely of contents is said of the bundle as of the store, by both verifiers", async () => {
    const missed: unknown[] = [];
    const verdicts = new Map<string, number>();
    let at = 0;
    for (const falsehood of falsehoods()) {
      if (at++ % step !== 0) continue;
      const asked = await logOfContents(falsehood, sample);
      const { node, python } = await verifiers.ask(asked);
      verdicts.set(node.verdict, (verdicts.get(node.verdict) ?? 0) + 1);
      const isSame = node.verdict === python.verdict && (node.verdict === asked.store || falsehood.isOfStore);
      if (!isSame || node.verdict === "FAILED") missed.push({ name: falsehood.name, store: asked.store, node, python });
    }
    const counts = [...verdicts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
    process.stdout.write(`false contents: ${counts}, bundle and store alike\n`);
    expect(missed.slice(0, 5)).toEqual([]);
  }, 900_000);
}
