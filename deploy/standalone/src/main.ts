import { createProgram } from "./program.ts";

await createProgram(process).parseAsync(process.argv);
