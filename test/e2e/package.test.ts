import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBareServer } from "../load/bare-server.ts";
import { temporaryDir } from "../support/product.ts";

// What `npm run build` makes of the SDK, packed and installed into an empty project as an agent's developer would.

const SDK = fileURLToPath(new URL("../../sdk", import.meta.url));
const run = promisify(execFile);
const MINUTES = 60_000;
/** As `engines` has it: the program, from the registry, where it has one for this machine. */
const OLDEST_NODE = "22.15.0";

let home: Awaited<ReturnType<typeof temporaryDir>>;
let collector: Awaited<ReturnType<typeof startBareServer>>;
let project: string;
let oldestNode: string;
beforeAll(async () => {
  home = await temporaryDir("package");
  collector = await startBareServer();
  project = join(home.dir, "project");
  await mkdir(project);
  await run(process.execPath, ["build/build.ts"], { cwd: SDK });
  const packed = await run("npm", ["pack", "./dist", "--pack-destination", home.dir, "--json"], { cwd: SDK });
  const filename: string = JSON.parse(packed.stdout)[0].filename;
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "empty", private: true }));
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  await run("npm", ["install", ...flags, join(home.dir, filename), "@types/node@24"], {
    cwd: project,
  });
  const platform = `node-${process.platform}-${process.arch}`;
  await mkdir(join(home.dir, "oldest"));
  await writeFile(join(home.dir, "oldest", "package.json"), JSON.stringify({ name: "oldest", private: true }));
  await run("npm", ["install", ...flags, `${platform}@${OLDEST_NODE}`], { cwd: join(home.dir, "oldest") });
  oldestNode = join(home.dir, "oldest", "node_modules", platform, "bin", "node");
}, 5 * MINUTES);
afterAll(async () => {
  await home?.remove();
});

const AGENT = `
const http2 = globalThis.process.getBuiltinModule("node:http2");
const answer = '{"id":"c","choices":[]}';
const models = http2.createServer((request, response) => request.resume().on("end", () => response.end(answer)));
const overHttp2 = () =>
  new Promise((resolve) => {
    models.listen(0, "127.0.0.1", () => {
      const client = http2.connect("http://127.0.0.1:" + models.address().port);
      const headers = { ":method": "POST", ":path": "/v1/chat/completions", "content-length": Buffer.byteLength(body) };
      const stream = client.request(headers).on("end", () => client.close(() => models.close(resolve))).resume();
      stream.end(body);
    });
  });
const ledger = createRunledger();
const look = ledger.tool({ name: "look", input: { type: "object" }, run: () => "seen" });
const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] });
const url = "http://127.0.0.1:9999/v1/chat/completions"; // nobody: a call that failed is one all the same
const agent = ledger.wrap(async (name) => {
  await look({});
  await fetch(url, { method: "POST", body }).catch(() => {});
  await overHttp2();
  return "Hello, " + name;
}, { agent: "packed" });
agent("you").then(async (answer) => {
  const flushed = await ledger.flush();
  const { sent, failures } = ledger.stats();
  const failed = Object.values(failures).some((count) => count > 0);
  console.log(JSON.stringify({ node: process.version, answer, flushed, sent, failed }));
});
`;

async function runAgent(
  file: string,
  source: string,
  environment: Record<string, string> = {},
  node = process.execPath,
) {
  await writeFile(join(project, file), source);
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home.dir,
    RUNLEDGER_SPOOL_DIR: "off",
    RUNLEDGER_CONTROL: "off",
    ...environment,
  };
  return await run(node, [file], { cwd: project, env });
}

const ESM = `import { createRunledger } from "@runledger/sdk";`;
const COMMONJS = `const { createRunledger } = require("@runledger/sdk");`;
test.each([
  ["agent.mjs", process.versions.node, ESM],
  ["agent.cjs", process.versions.node, COMMONJS],
  ["agent.mjs", OLDEST_NODE, ESM],
  ["agent.cjs", OLDEST_NODE, COMMONJS],
])(
  "%s on Node.js %s wraps an agent and its records reach a collector",
  async (file, version, load) => {
    const node = version === OLDEST_NODE ? oldestNode : process.execPath;
    const environment = { RUNLEDGER_ENDPOINT: `http://127.0.0.1:${collector.grpc}` };
    const { stdout, stderr } = await runAgent(file, load + AGENT, environment, node);
    expect(JSON.parse(stdout)).toEqual({
      node: `v${version}`,
      answer: "Hello, you",
      flushed: true,
      sent: 5,
      failed: false,
    });
    expect(stderr).toBe("");
  },
  MINUTES,
);

test(
  "with no collector a process that ends at once leaves its records on disk",
  async () => {
    const spool = join(home.dir, "spool");
    const environment = { RUNLEDGER_ENDPOINT: "http://127.0.0.1:9", RUNLEDGER_SPOOL_DIR: spool };
    const source = `
    import { createRunledger } from "@runledger/sdk";
    await createRunledger().wrap(async () => "done", { agent: "packed" })();
    process.exit(0);`;
    await runAgent("ending.mjs", source, environment);
    const [destination = ""] = await readdir(spool);
    const files = await readdir(join(spool, destination));
    const bytes = await Promise.all(files.map((file) => readFile(join(spool, destination, file), "latin1")));
    expect(bytes.join("")).toContain("run_end");
  },
  MINUTES,
);

const TYPED = `
const ledger: Ledger = createRunledger({ endpoint: "http://127.0.0.1:4317" });
export const agent = ledger.wrap(async (name: string) => name.length, { agent: "typed", limits: { steps: 3 } });
export const length: Promise<number> = agent("you");
// @ts-expect-error: the wrapped agent has the types of the agent
agent(7);
export const stopped = (error: unknown) => error instanceof AgentStopped && error.reason.length;
`;

test.each([
  ["NodeNext, from modules and from CommonJS", ["typed.mts", "typed.cts"], { module: "NodeNext" }],
  ["Node16", ["typed.mts", "typed.cts"], { module: "Node16", moduleResolution: "Node16" }],
  ["a bundler", ["typed.ts"], { module: "ESNext", moduleResolution: "Bundler" }],
  ["CommonJS", ["typed.ts"], { module: "CommonJS", moduleResolution: "Bundler" }],
])(
  "its types resolve for %s",
  async (_name, files, options) => {
    for (const file of files) {
      const load = `import { AgentStopped, createRunledger, type Ledger } from "@runledger/sdk";`;
      await writeFile(join(project, file), load + TYPED);
    }
    const libs = { skipDefaultLibCheck: true }; // that TypeScript's own are sound is not asked here
    const compilerOptions = { target: "ES2022", strict: true, noEmit: true, types: ["node"], ...libs, ...options };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
    const output = await run(process.execPath, [tsc, "-p", "."], { cwd: project }).catch((error) => error);
    expect(output.stdout).toBe("");
  },
  MINUTES,
);

test("it brings few packages, and nothing of the workspace", async () => {
  const lock = JSON.parse(await readFile(join(project, "package-lock.json"), "utf8"));
  const packages = Object.keys(lock.packages).filter((path) => path !== "");
  expect(packages.filter((path) => path.includes("@runledger"))).toEqual(["node_modules/@runledger/sdk"]);
  expect(packages.length).toBeLessThan(50);
});
