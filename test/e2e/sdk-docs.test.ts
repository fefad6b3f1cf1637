import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type FakeModel, startFakeModel } from "runledger";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bareEnvironment, temporaryDir } from "../support/product.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DOCS = fileURLToPath(new URL("../../docs/sdk/", import.meta.url));
const run = promisify(execFile);

/** A block of code, and the block of text that says what it prints. */
const BLOCK = /```ts\n(.*?)```\n\n```text\n(.*?)```/gs;

describe("the examples of the SDK's documentation run, and print what they say", () => {
  let state: Awaited<ReturnType<typeof temporaryDir>>;
  let model: FakeModel;
  beforeAll(async () => {
    state = await temporaryDir("docs");
    model = await startFakeModel({ default: () => ({ content: "Everything the agent saw and did." }) });
  });
  afterAll(async () => {
    await model.close();
    await state.remove();
  });

  const pages = readdirSync(DOCS).filter((name) => name.endsWith(".md") && name !== "reference.md");
  for (const page of [...pages, "../first-agent.md"]) {
    const text = readFileSync(`${DOCS}${page}`, "utf8");
    const blocks = [...text.matchAll(BLOCK)];
    it(`${page}: every block of code has its output`, () => {
      expect(blocks).toHaveLength(text.split("```ts").length - 1);
    });
    for (const [index, [, code = "", output]] of blocks.entries()) {
      it(`${page}, example ${index + 1}`, async () => {
        const { stdout } = await run(process.execPath, ["--input-type=module-typescript", "--eval", code], {
          cwd: ROOT,
          env: {
            ...bareEnvironment(),
            XDG_STATE_HOME: state.dir,
            RUNLEDGER_SPOOL_DIR: "off",
            RUNLEDGER_ENDPOINT: "http://127.0.0.1:9",
            RUNLEDGER_CONTROL_URL: "http://127.0.0.1:9",
            RUNLEDGER_FLUSH_TIMEOUT_MS: "100",
            OPENAI_API_KEY: "none",
            OPENAI_BASE_URL: model.baseUrl,
            NO_COLOR: "1",
          },
        });
        expect(stdout).toBe(output);
      }, 60_000);
    }
  }
});
