import { expect, test } from "vitest";
import { cycleAtEnd, repeatedEffect, type SequencedCall, sameErrorAtEnd, sameResultAtEnd } from "./tool-sequence.ts";

/** "a1=x!": tool a with arguments 1, result x, failed. "*": with a side effect. */
function callsOf(text: string): SequencedCall[] {
  return text.split(" ").map((word, i) => {
    const [, tool = "", args = "", result = "", failed, effect] = /^(\w)(\w?)(?:=(\w))?(!?)(\*?)$/.exec(word) ?? [];
    const facts = { tool, arguments: args, result, error: failed ? "Timeout" : null, sideEffect: effect === "*" };
    return { stepId: `s${i}`, time: `t${i}`, ...facts };
  });
}

test("a cycle is a period of two to six calls, three times round, up to now", () => {
  expect(cycleAtEnd(callsOf("z9 a1 b1 a1 b1 a1 b1"), 3)).toMatchObject({
    count: 3,
    calls: callsOf("z9 a1 b1 a1 b1 a1 b1").slice(1),
  });
  expect(cycleAtEnd(callsOf("a1 b1 c1 a1 b1 c1 a1 b1 c1"), 3)?.count).toBe(3);
  expect(cycleAtEnd(callsOf("a1 b1 a1 b1"), 3)).toBeNull();
  expect(cycleAtEnd(callsOf("a1 b1 a2 b2 a3 b3"), 3)).toBeNull();
  expect(cycleAtEnd(callsOf("a1 a1 a1 a1 a1 a1 a1 a1"), 3)).toBeNull(); // loop.repeat
  expect(cycleAtEnd(callsOf("a1 b1 a1 b1 a1 b1 c1"), 3)).toBeNull(); // it went on
  expect(cycleAtEnd(callsOf("a b a b a b"), 3)).toBeNull(); // arguments that nobody knows
});

test("no progress is the same result for other arguments, of a tool's last calls", () => {
  expect(sameResultAtEnd(callsOf("a1=y a2=x b1=q a3=x a4=x"), 3)).toMatchObject({ count: 3 });
  expect(sameResultAtEnd(callsOf("a1=x a2=x a3=y"), 2)).toBeNull();
  expect(sameResultAtEnd(callsOf("a1=x a1=x a1=x"), 3)).toBeNull(); // loop.repeat
  expect(sameResultAtEnd(callsOf("a1 a2 a3 a4"), 3)).toBeNull();
});

test("errors are a loop when the last calls of a tool fail in the same way", () => {
  expect(sameErrorAtEnd(callsOf("a1 a1! a2! a3!"), 3)).toMatchObject({ count: 3 });
  expect(sameErrorAtEnd(callsOf("a1! a2! a3"), 2)).toBeNull();
  expect(sameErrorAtEnd(callsOf("a1! b2! a3!"), 2)).toBeNull();
});

test("an effect is a duplicate when the same call went well twice", () => {
  expect(repeatedEffect(callsOf("a1* b1 a1*"), 2)).toMatchObject({ count: 2 });
  expect(repeatedEffect(callsOf("a1!* a1*"), 2)).toBeNull(); // tried again
  expect(repeatedEffect(callsOf("a1* a2* b1 b1"), 2)).toBeNull();
});
