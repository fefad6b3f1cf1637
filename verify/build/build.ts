import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** Makes `dist/` the package that is published: one file of JavaScript, nothing to install beside it. */
const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist"));
const bundle = await rolldown({
  input: { index: here("src/index.ts"), "runledger-verify": here("src/runledger-verify.ts") },
  platform: "node",
});
await bundle.write({ dir: here("dist"), format: "esm", entryFileNames: "[name].js", chunkFileNames: "shared.js" });
await bundle.close();
await writeFile(
  here("dist/bin.js"),
  '#!/usr/bin/env node\nimport { main } from "./runledger-verify.js";\n\nprocess.exitCode = await main(process.argv.slice(2), process);\n',
);
await chmod(here("dist/bin.js"), 0o755);
const { name, version, description, license, type } = JSON.parse(await readFile(here("package.json"), "utf8"));
const published = {
  ...{ name, version, description, license, type },
  exports: "./index.js",
  bin: { "runledger-verify": "bin.js" },
  engines: { node: ">=22.18" },
};
await writeFile(here("dist/package.json"), `${JSON.stringify(published, null, 2)}\n`);
await copyFile(here("../LICENSE"), here("dist/LICENSE"));
await copyFile(here("../docs/bundle.md"), here("dist/README.md"));
await copyFile(here("python/runledger_verify.py"), here("dist/runledger_verify.py"));
