import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRecordedLedger, type RecordedLedger } from "./testing/recorded-ledger.ts";

// Whatever an agent is given, gives back or throws: its caller sees what it would see without us.

let recorded: RecordedLedger;
beforeEach(() => {
  recorded = createRecordedLedger({ queueRecords: 1_000_000, control: "off" });
});
afterEach(async () => {
  await recorded.ledger.shutdown();
});

const refuse = (): never => {
  throw new RangeError("hands off");
};
const TRAPS = ["get", "has", "getPrototypeOf", "ownKeys", "getOwnPropertyDescriptor", "set", "apply"] as const;
const refusing = () => new Proxy({}, Object.fromEntries(TRAPS.map((trap) => [trap, refuse])));
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
function cyclic(): object {
  const value: Record<string, unknown> = {};
  value["self"] = value;
  return value;
}
const HOSTILE: readonly (() => unknown)[] = [
  refusing,
  revoked,
  cyclic,
  () => undefined,
  () => null,
  () => Number.NaN,
  () => 2n ** 70n,
  () => Symbol("s"),
  () => "\ud800",
  () => "x".repeat(100_000),
  () => Object.create(null),
  () => ({ toJSON: refuse, toString: refuse, [Symbol.toPrimitive]: refuse }),
  () => ({
    get name() {
      return refuse();
    },
  }),
  () => ({
    get message() {
      return refuse();
    },
    get cause() {
      return refuse();
    },
  }),
  () => Object.assign(new Error("with a cause"), { cause: refusing() }),
  () => Object.defineProperty(new Error("x"), "message", { get: refuse }),
  () => new Map([[{}, refusing()]]),
  () => refuse,
  () => class {},
  () => new Date(Number.NaN),
  () => new Uint8Array(10),
  () => Array.from({ length: 3 }, refusing),
];
/** What makes one: fast-check looks at values too. */
const hostile = fc.constantFrom(...HOSTILE);
const runs = { numRuns: 150 };

/** What becomes of a call: the very value or the very error. */
async function fate(work: () => unknown): Promise<readonly [string, unknown]> {
  try {
    const value = work();
    return ["returned", value instanceof Promise ? [await value] : [value]];
  } catch (error) {
    return ["threw", [error]];
  }
}
function expectSame(one: readonly [string, unknown], other: readonly [string, unknown]): void {
  expect(one[0]).toBe(other[0]);
  expect(Object.is((one[1] as unknown[])[0], (other[1] as unknown[])[0])).toBe(true);
}

test("a wrapped agent returns what it returns and throws what it throws", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, fc.boolean(), fc.boolean(), async (make, throws, later) => {
      const value = make();
      const act = () => {
        if (throws) throw value;
        return [value];
      };
      const agent = later ? async () => act() : act;
      const wrapped = recorded.ledger.wrap(agent, { agent: "any", outcome: () => refuse() });
      // In a list, since a hostile value may be no thing to await.
      const [how, what] = await fate(wrapped);
      expect(how).toBe(throws ? "threw" : "returned");
      const seen = (what as unknown[])[0];
      expect(Object.is(throws ? seen : (seen as unknown[])[0], value)).toBe(true);
    }),
    runs,
  );
});

test("tags that fail or are no text are left out, and the agent runs", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, hostile, async (makeSession, makeUser) => {
      const [session, user] = [makeSession(), makeUser()];
      const options = { agent: "any", session: () => session as string, user: user as string, taskId: refuse };
      expect(await recorded.ledger.wrap(async () => "done", options)()).toBe("done");
    }),
    runs,
  );
});

test("a tool hands its caller what it gives or throws, inside a run and outside", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, hostile, fc.boolean(), async (makeArguments, make, throws) => {
      const [args, value] = [makeArguments(), make()];
      const definition = {
        name: "any",
        input: {},
        run: () => {
          if (throws) throw value;
          return [value];
        },
      };
      const tool = recorded.ledger.tool(definition);
      const call = async () => await tool(args as string);
      const outside = await fate(call);
      const inside = await fate(recorded.ledger.wrap(async () => await call(), { agent: "any" }));
      expect(inside[0]).toBe(outside[0]);
    }),
    runs,
  );
});

test("a handler and a client come back as they are", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, hostile, async (make, makeContext) => {
      const [value, context] = [make(), makeContext()];
      const handler = recorded.ledger.handler(async (_event: unknown, _context: unknown) => [value]);
      expectSame(["", [(await handler({}, context))[0]]], ["", [value]]);
      const client = recorded.ledger.model(value);
      if (typeof value !== "function") expect(Object.is(client, value)).toBe(true);
    }),
    runs,
  );
});

test("what came of it all can be sent", async () => {
  for (const make of HOSTILE) {
    const value = make();
    await fate(
      recorded.ledger.wrap(
        async () => {
          throw value;
        },
        { agent: "any", session: () => value as string },
      ),
    );
  }
  const records = await recorded.records();
  for (const { attributes, status } of records) structuredClone([attributes, status]);
  expect(recorded.warnings).toEqual([]);
  expect(records.filter((span) => span.attributes["runledger.event"] === "run_end")).toHaveLength(HOSTILE.length);
});
