import { expect, test } from "vitest";
import { ownGate } from "./gate.ts";

const KEY = "a key of enough characters for this";

test("the own door takes Runledger's key alone, and the tenant that it names", () => {
  const gate = ownGate(KEY);
  expect(gate({ authorization: `Bearer ${KEY}`, tenant: "acme" })).toEqual({ tenant: "acme", own: true });
  expect(gate({ authorization: `Bearer ${KEY}`, tenant: null })).toEqual({ tenant: "default", own: true });
  for (const authorization of [null, "", `Bearer ${KEY}x`, KEY]) {
    expect(() => gate({ authorization, tenant: null })).toThrow(expect.objectContaining({ code: "unauthenticated" }));
  }
});
