import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { OtlpError } from "../otlp/otlp.ts";
import { createByteBudget, type Reservation } from "./byte-budget.ts";
import { readBody } from "./http-body.ts";

const MAX_BYTES = 1_000_000;

test("a body that ends where there is no room for it is refused, and nothing else", async () => {
  const budget = createByteBudget(MAX_BYTES);
  const reservation = budget.reserve("t");
  const stream = new PassThrough();
  const reading = readBody(stream, { lengthBytes: 0, maxBytes: MAX_BYTES }, reservation);
  // An error out of a listener of "end" fails the whole test run.
  stream.write(Buffer.alloc(100_000));
  await turn();
  stream.end(Buffer.alloc(600_000));
  await expect(reading).rejects.toMatchObject({ code: "overloaded" });
  await turn();
  reservation.release();
  expect(budget.usedBytes()).toBe(0);
});

test("room that is gone when a body ends is told as such", async () => {
  let isFull = false;
  const resize = (): void => {
    if (isFull) throw new OtlpError("overloaded", "no room");
  };
  const stream = new PassThrough();
  const reading = readBody(stream, { lengthBytes: 5, maxBytes: MAX_BYTES }, {
    resize,
  } as Partial<Reservation> as Reservation);
  stream.write("12345");
  await turn();
  isFull = true;
  stream.end();
  await expect(reading).rejects.toMatchObject({ code: "overloaded" });
});

test.each([0, 100_000])(
  "a body in single bytes (promised: %i) holds its own bytes and nothing that was read with them",
  async (lengthBytes) => {
    const body = randomBytes(100_000);
    const budget = createByteBudget(8 * MAX_BYTES);
    const reservation = budget.reserve("t");
    const stream = new PassThrough({ highWaterMark: 1 });
    const reading = readBody(stream, { lengthBytes, maxBytes: MAX_BYTES }, reservation);
    for (let at = 0; at < body.length; at++) {
      const piece = Buffer.from(body.subarray(at, at + 1));
      stream.write(piece);
      await turn();
      // What the reader still needs of a piece would be lost; the first is kept as it came.
      if (at > 1) piece.fill(0);
      if (at % 10_000 === 0) expect(budget.usedBytes()).toBeLessThanOrEqual(Math.max(16_384, 2 * at + 2));
    }
    stream.end();
    expect((await reading).equals(body)).toBe(true);
    expect(budget.usedBytes()).toBe(body.length);
    reservation.release();
    expect(budget.usedBytes()).toBe(0);
  },
);
