import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createByteBudget } from "./byte-budget.ts";
import { readBody } from "./http-body.ts";

const MAX_BYTES = 1_000_000;

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
