import { createProgram } from "./program.ts";
import { guardTerminal } from "./terminal.ts";

guardTerminal(process);
await createProgram(process).parseAsync(process.argv);
