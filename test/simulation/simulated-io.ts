import { registerHooks } from "node:module";

/** Loaded before everything (`node --import`): whatever in `storage` keeps a journal, a key or a cursor on disk gets the simulated one, and no timer of the machine. */
const ON_SIMULATED_DISKS = /\/storage\/src\/(journal|keys|durable)\//;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "node:fs/promises" && ON_SIMULATED_DISKS.test(context.parentURL ?? "")
      ? next(new URL("./simulated-fs.ts", import.meta.url).href, context)
      : next(specifier, context),
});

const neverFires = { unref: () => neverFires, ref: () => neverFires };
Object.assign(globalThis, { setInterval: () => neverFires, clearInterval: () => undefined });
