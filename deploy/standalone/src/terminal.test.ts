import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { guardTerminal, printable } from "./terminal.ts";

test.each([
  ["colours", "\u001b[32mVERIFIED\u001b[39m\tof\nall\n", "\u001b[32mVERIFIED\u001b[39m\tof\nall\n"],
  ["our own progress", "\r\u001b[K  half", "\r\u001b[K  half"],
  ["a screen that is cleared", "x\u001b[1;1H\u001b[2JVERIFIED", "x\\u001b[1;1H\\u001b[2JVERIFIED"],
  ["a line that is written over", "TAMPERED\r\u001b[KVERIFIED", "TAMPERED\\u000d\\u001b[KVERIFIED"],
  ["C1, a title, a bell", "\u009b2J\u001b]0;t\u0007", "\\u009b2J\\u001b]0;t\\u0007"],
  ["letters that run backwards", "a\u202eb\u2066c", "a\\u202eb\\u2066c"],
  ["other scripts", "naïve 日本 ✓ 👩‍👩‍👧", "naïve 日本 ✓ 👩‍👩‍👧"],
])("%s on a terminal", (_what, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("into a pipe all goes as it is, and who closes it ends nothing", () => {
  const [terminal, pipe] = [Object.assign(new PassThrough(), { isTTY: true }), new PassThrough()];
  guardTerminal({ stdout: terminal, stderr: pipe } as unknown as NodeJS.Process);
  terminal.write("a\u0007");
  pipe.write("a\u0007");
  expect([terminal.read().toString(), pipe.read().toString()]).toEqual(["a\\u0007", "a\u0007"]);
  pipe.emit("error", Object.assign(new Error("closed"), { code: "EPIPE" }));
  expect(() => pipe.emit("error", new Error("another"))).toThrow("another");
});
