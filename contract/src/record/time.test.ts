import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_UNIX_NANO, rfc3339FromUnixNano, unixNanoFromRfc3339 } from "./time.ts";

describe("RFC 3339 times", () => {
  it("keep nanoseconds", () => {
    expect(rfc3339FromUnixNano(1_700_000_000_123_456_789n)).toBe("2023-11-14T22:13:20.123456789Z");
  });

  it("come back as they went, from 1970 to 9999", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: MAX_UNIX_NANO }), (nanos) => {
        expect(unixNanoFromRfc3339(rfc3339FromUnixNano(nanos))).toBe(nanos);
      }),
    );
  });

  it.each(["2023-11-14", "2023-11-14T22:13:20+01:00", "2023-13-14T22:13:20Z", "yesterday"])("refuse %s", (text) => {
    expect(() => unixNanoFromRfc3339(text)).toThrow(RangeError);
  });

  it("refuse what has no year of four digits", () => {
    expect(() => rfc3339FromUnixNano(MAX_UNIX_NANO + 1n)).toThrow(RangeError);
    expect(() => rfc3339FromUnixNano(-1n)).toThrow(RangeError);
  });
});
