import { execFile } from "node:child_process";
import { cp, glob, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { rolldown } from "rolldown";

const SDK = fileURLToPath(new URL("..", import.meta.url));
const DIST = join(SDK, "dist");
const CONTRACT = "@runledger/contract";

/**
 * `npm run build`: the package as it is published, in `sdk/dist`: JavaScript with the contract bundled in, types, and a `package.json` of
 * its own. In the workspace `exports` stays the source, so nothing needs to be built to be run.
 */
async function build(): Promise<void> {
  await rm(DIST, { recursive: true, force: true });
  await mkdir(DIST, { recursive: true });
  await Promise.all([bundle(), declare()]);
  await writeManifest();
  await cp(join(SDK, "README.md"), join(DIST, "README.md"));
  await cp(join(SDK, "..", "LICENSE"), join(DIST, "LICENSE"));
}

async function bundle(): Promise<void> {
  const build = await rolldown({
    // The thread that sends is a file of its own beside the one that starts it.
    input: {
      index: join(SDK, "src/index.ts"),
      "send-thread-entry": join(SDK, "src/transport/send-thread-entry.ts"),
    },
    platform: "node",
    external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith(CONTRACT),
    treeshake: { moduleSideEffects: false },
  });
  await build.write({ dir: DIST, format: "esm", chunkFileNames: "[name].js", sourcemap: false });
  await build.close();
}

/** Types file by file, those that the entry leads to; what they say of the contract is found beside them. */
async function declare(): Promise<void> {
  const types = join(DIST, "types");
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  await promisify(execFile)(process.execPath, [tsc, "-p", join(SDK, "build")]);
  const reached = new Set<string>();
  const open = [join(types, "sdk/src/index.d.ts")];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    const contract = relative(dirname(file), join(types, "contract/src/index.js"));
    const text = (await readFile(file, "utf8"))
      .replaceAll(`"${CONTRACT}"`, `"${contract}"`)
      .replaceAll(/(from |import\()"(\.[^"]*)\.ts"/g, '$1"$2.js"');
    await writeFile(file, text);
    const imports = text.matchAll(/(?:from |import\()"(\.[^"]*)\.js"/g);
    for (const [, path = ""] of imports) open.push(join(dirname(file), `${path}.d.ts`));
  }
  for await (const name of glob("**/*.d.ts", { cwd: types })) {
    if (!reached.has(join(types, name))) await rm(join(types, name));
  }
  // The same once more, as it is for `require`: what a declaration is, its folder's package.json says.
  for (const file of reached) await cp(file, join(types, "commonjs", relative(types, file)));
  await writeFile(join(types, "commonjs", "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
}

/**
 * Node.js ≥ 22.12 gives a module to `require` too, so there is one build for all. TypeScript's `node16` does not know that: for `require` the types are
 * those of CommonJS.
 */
async function writeManifest(): Promise<void> {
  const { devDependencies, scripts, ...own } = JSON.parse(await readFile(join(SDK, "package.json"), "utf8"));
  const { [CONTRACT]: bundled, ...dependencies } = own.dependencies;
  const main = "./index.js";
  const types = "./types/sdk/src/index.d.ts";
  const entry = {
    import: { types, default: main },
    require: { types: "./types/commonjs/sdk/src/index.d.ts", default: main },
  };
  const manifest = {
    ...own,
    private: undefined,
    engines: { node: ">=22.15" },
    main,
    types,
    exports: { ".": entry, "./package.json": "./package.json" },
    sideEffects: false,
    dependencies,
  };
  await writeFile(join(DIST, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

await build();
