import {
  createPayloadReader,
  DELTA_MEDIA_TYPE,
  type FindPayloadKey,
  LogError,
  MESSAGES_MEDIA_TYPE,
  type PayloadRef,
  payloadBase,
  payloadKey,
  readMessages,
  readText,
} from "@runledger/contract";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPayloadPacker, payloadRefOf, type StoredPayload } from "./payload-packer.ts";

const KEY = { keyId: "ab".repeat(16), dek: new Uint8Array(32).fill(5) };

const findKey: FindPayloadKey = async (_, salt) => payloadKey(KEY.dek, salt);

/** A packer whose packs can be read, with the reads that the last reading took. */
function packerUnderTest() {
  const packer = createPayloadPacker();
  const packs = new Map<string, Uint8Array>();
  const counted = { reads: 0, bytes: 0 };
  const read = createPayloadReader(async (pack, offset, length) => {
    counted.reads++;
    return packs.get(pack)?.subarray(offset, offset + length) ?? null;
  }, findKey);
  const finish = (): void => {
    for (const { sha256, bytes } of packer.finish()) {
      packs.set(sha256, Uint8Array.from(bytes));
      counted.bytes += bytes.length;
    }
  };
  const textOf = async (payload: StoredPayload) =>
    Buffer.from(await readText(read, payloadRefOf(payload, "x"))).toString();
  const messagesOf = (payload: StoredPayload) => readMessages(read, payloadRefOf(payload, "x"));
  return { packer, packs, counted, read, finish, textOf, messagesOf };
}

/** Words as an agent's texts have them, some of them of characters of two to four bytes. */
const words = fc.array(fc.constantFrom("tool", "Antwort", "größer", "東京", "🙂", "{}", '"', "\\", "\n", "café"), {
  minLength: 1,
  maxLength: 200,
});
const text = words.map((list) => list.join(" "));

/** What is done to a text to make the next: places and lengths as shares of it. */
const edit = fc.record({
  kind: fc.constantFrom("append", "prepend", "insert", "cut", "replace", "swap", "other", "same"),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  until: fc.double({ min: 0, max: 1, noNaN: true }),
  text,
  close: fc.boolean(),
});

function edited(
  before: string,
  { kind, at, until, text: more }: typeof edit extends fc.Arbitrary<infer E> ? E : never,
) {
  const [from, to] = [at, until].sort((a, b) => a - b).map((share) => Math.floor(share * before.length)) as [
    number,
    number,
  ];
  switch (kind) {
    case "append":
      return before + more;
    case "prepend":
      return more + before;
    case "insert":
      return before.slice(0, from) + more + before.slice(from);
    case "cut":
      return before.slice(0, from) + before.slice(to);
    case "replace":
      return before.slice(0, from) + more + before.slice(to);
    case "swap":
      return before.slice(to) + before.slice(0, to);
    case "other":
      return more;
    default:
      return before;
  }
}

/** Text that no other text is like. */
function noise(seed: number, length: number): string {
  let state = seed + 1;
  let result = "";
  while (result.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    result += state.toString(36);
  }
  return result.slice(0, length);
}

function history(steps: number, length = 1_000): string[] {
  return Array.from({ length: steps }, (_, i) => JSON.stringify({ role: "user", content: noise(i, length) }));
}

describe.each([
  { how: "in the clear", key: null },
  { how: "sealed", key: KEY },
])("$how:", ({ key }) => {
  const PLACE = { subject: '["default","run","r1"]', key, run: "r1", label: "input chain" };
  /** What sealing adds to a node: salt, tag, key id and commitment of its base. */
  const SEAL = key === null ? 0 : 170;

  test("any sequence of texts reads back exactly, whatever was done from one to the next", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { maxLength: 40 }),
        fc.array(text, { minLength: 5, maxLength: 20 }),
        async (edits, first) => {
          const { packer, finish, textOf } = packerUnderTest();
          const texts = [first.join(" ")];
          for (const one of edits) texts.push(edited(texts.at(-1) ?? "", one).toWellFormed());
          const stored = texts.map((whole, i) => {
            const payload = packer.add(PLACE, whole);
            if (edits[i]?.close === true) finish();
            return payload;
          });
          finish();
          for (const [i, payload] of stored.entries()) expect(await textOf(payload)).toBe(texts[i]);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("any sequence of message lists reads back exactly: grown, compacted, with its head rewritten, windowed", async () => {
    const message = text.map((content) => JSON.stringify({ role: "user", parts: [{ type: "text", content }] }));
    const change = fc.record({
      kind: fc.constantFrom("append", "append", "append", "head", "window", "compact", "drop", "same"),
      at: fc.nat(),
      added: fc.array(message, { minLength: 1, maxLength: 3 }),
      close: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
        const { packer, finish, messagesOf } = packerUnderTest();
        let list: string[] = [];
        const lists = changes.map(({ kind, at, added }) => {
          const middle = at % (list.length + 1);
          if (kind === "append") list = [...list, ...added];
          else if (kind === "head") list = [...added.slice(0, 1), ...list.slice(1)];
          else if (kind === "window") list = [...list.slice(1), ...added];
          else if (kind === "compact") list = [...list.slice(0, 1), ...added.slice(0, 1), ...list.slice(middle)];
          else if (kind === "drop") list = list.slice(0, middle);
          return list;
        });
        const stored = lists.map((one, i) => {
          const payload = packer.addMessages(PLACE, one);
          if (changes[i]?.close === true) finish();
          return payload;
        });
        finish();
        for (const [i, payload] of stored.entries()) expect(await messagesOf(payload)).toEqual(lists[i]);
      }),
      { numRuns: 150 },
    );
  });

  test("a request body of a thousand steps costs its new messages, and each is read over few others", async () => {
    const { packer, counted, finish, textOf } = packerUnderTest();
    const messages = history(1_000, 300);
    const newBytes = messages.reduce((sum, message) => sum + message.length, 0);
    const bodies = messages.map(
      (_, i) => `{"messages":[${messages.slice(0, i + 1).join(",")}],"model":"m","step":${i}}`,
    );
    const stored = bodies.map((body) => {
      const payload = packer.add(PLACE, body);
      finish();
      return payload;
    });
    // Twice the messages, since each 128th step goes back to the 128th before, and a head a step.
    expect(counted.bytes).toBeLessThan(newBytes * 2 + 1_000 * (420 + SEAL));
    for (const i of [0, 1, 127, 128, 640, 895, 998, 999]) {
      counted.reads = 0;
      expect(await textOf(stored[i] as StoredPayload)).toBe(bodies[i]);
      expect(counted.reads).toBeLessThan(140);
    }
  }, 60_000);

  test("a message list of a thousand steps costs its new messages, and each is read over few others", async () => {
    const { packer, counted, finish, messagesOf } = packerUnderTest();
    const messages = history(1_000, 300);
    const newBytes = messages.reduce((sum, message) => sum + message.length, 0);
    const stored = messages.map((_, i) => {
      const payload = packer.addMessages(PLACE, messages.slice(0, i + 1));
      finish();
      return payload;
    });
    expect(counted.bytes).toBeLessThan(newBytes * 2 + 1_000 * (320 + SEAL));
    for (const i of [0, 127, 128, 895, 999]) {
      counted.reads = 0;
      expect(await messagesOf(stored[i] as StoredPayload)).toEqual(messages.slice(0, i + 1));
      expect(counted.reads).toBeLessThan(140);
    }
  }, 60_000);

  test("a list whose first message tells the time, or whose oldest message goes at each step, still costs its new messages", async () => {
    for (const listAt of [
      (all: string[], i: number) => [`"You are kind. It is ${i} o'clock. ${noise(99, 3_000)}"`, ...all.slice(0, i + 1)],
      (all: string[], i: number) => ['"Be kind."', ...all.slice(Math.max(0, i - 30), i + 1)],
    ]) {
      const { packer, counted, finish, messagesOf } = packerUnderTest();
      const messages = history(60);
      const lists = messages.map((_, i) => listAt(messages, i));
      const stored = lists.map((list) => packer.addMessages(PLACE, list));
      finish();
      expect(counted.bytes).toBeLessThan(60 * (1_000 + 1_000) + 10_000);
      for (const [i, payload] of stored.entries()) expect(await messagesOf(payload)).toEqual(lists[i]);
    }
  });

  test("two agents of a run that take turns each go on from their own texts", () => {
    const { packer, counted, finish } = packerUnderTest();
    for (let i = 1; i <= 40; i++) {
      packer.add(PLACE, `{"agent":"a","messages":[${history(i).join(",")}]}`);
      packer.add(PLACE, `{"agent":"b","seed":"${noise(7, 2_000)}","messages":[${history(i).reverse().join(",")}]}`);
    }
    finish();
    expect(counted.bytes).toBeLessThan(40 * 2 * 2_000);
  });

  test("nothing is a difference to another scope's text, nor to another run's", async () => {
    const { packer, read, finish } = packerUnderTest();
    const body = noise(1, 5_000);
    const other = { subject: '["default","run","r2"]', key: key && { ...KEY, keyId: "cd".repeat(16) } };
    const places = [PLACE, { ...PLACE, ...other }, { ...PLACE, run: "r3" }];
    const stored = places.map((place, i) => packer.add(place, `${body}${i}`));
    finish();
    for (const payload of stored) {
      const bytes = await read(payloadRefOf(payload, "x"));
      expect(Buffer.from(bytes).toString().startsWith(body)).toBe(true);
    }
  });

  test("whatever runs of one person send one another's contents on, what a run's payloads go on from is what it sent itself", async () => {
    const step = fc.record({ run: fc.constantFrom("r1", "r2", "r3"), isList: fc.boolean(), edit });
    let differences = 0;
    let shared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: "large" }), async (steps) => {
        const { packer, read, finish } = packerUnderTest();
        let list = history(6, 500);
        let whole = noise(1, 3_000);
        const sent = new Map<string, Set<string>>();
        const stored: [run: string, payload: StoredPayload][] = [];
        for (const { run, isList, edit: change } of steps) {
          const place = { ...PLACE, run, subject: '["default","user","u1"]' };
          const texts = sent.get(run) ?? new Set();
          sent.set(run, texts);
          const at = Math.floor(change.at * list.length) % list.length;
          whole = edited(whole, change).toWellFormed();
          if (isList && change.kind === "append") list = [...list, JSON.stringify(change.text)];
          else if (isList && change.kind !== "same") list = list.with(at, JSON.stringify(change.text));
          // With all that a plain list may go on from: its beginnings.
          for (let count = 1; isList && count <= list.length; count++) texts.add(`[${list.slice(0, count).join(",")}]`);
          if (!isList) texts.add(whole);
          stored.push([run, isList ? packer.addMessages(place, list) : packer.add(place, whole)]);
          if (change.close) finish();
        }
        finish();
        for (const [run, payload] of stored) {
          if (stored.some(([other, same]) => other !== run && same === payload)) shared++;
          for (let ref: PayloadRef | null = payloadRefOf(payload, "x"); ref !== null; ) {
            expect(sent.get(run)).toContain(Buffer.from(await readText(read, ref)).toString());
            if (ref.media_type === DELTA_MEDIA_TYPE) differences++;
            ref = payloadBase(ref, await read(ref));
          }
        }
      }),
      { numRuns: 80 },
    );
    expect(Math.min(differences, shared)).toBeGreaterThan(50);
  }, 60_000);

  test("what it remembers is bounded: texts beyond that are whole again, and still right", async () => {
    const { packer, counted, finish, textOf } = packerUnderTest();
    const large = noise(5, 6_000_000);
    const stored: [StoredPayload, string][] = [];
    for (let run = 0; run < 14; run++) {
      const whole = `${run}${large}`;
      stored.push([packer.add({ ...PLACE, run: `r${run}` }, whole), whole]);
      finish();
    }
    const before = counted.bytes;
    const forgotten = `${0}${large}!`;
    stored.push([packer.add({ ...PLACE, run: "r0" }, forgotten), forgotten]);
    const known = `${13}${large}!`;
    stored.push([packer.add({ ...PLACE, run: "r13" }, known), known]);
    finish();
    // Noise of 36 letters has two thirds of its bytes when it is deflated.
    const [least, most] = key === null ? [6_000_000, 6_010_000] : [3_800_000, 4_200_000];
    expect(counted.bytes - before).toBeGreaterThan(least);
    expect(counted.bytes - before).toBeLessThan(most);
    for (const [payload, whole] of stored) expect((await textOf(payload)) === whole).toBe(true);
  }, 60_000);

  test("what has enough that comes again is deflated where it is sealed, and read as it was", async () => {
    const { packer, finish, textOf } = packerUnderTest();
    const texts = ["again and again ".repeat(70), "again and again ".repeat(4_000), noise(1, 1_100), "x".repeat(1_000)];
    const stored = texts.map((one) => packer.add(PLACE, one));
    finish();
    const shorter = stored.map(({ sizeBytes }, n) => sizeBytes < (texts[n]?.length ?? 0));
    expect(shorter).toEqual(key === null ? [false, false, false, false] : [true, true, true, false]);
    expect(await Promise.all(stored.map(textOf))).toEqual(texts);
  });

  test("a text is the same after it was cut in the middle of a character", async () => {
    const { packer, finish, textOf } = packerUnderTest();
    const filler = noise(3, 2_000);
    const [a, b] = [`${filler}é${filler}`, `${filler}è${filler}`]; // c3 a9 and c3 a8
    const stored = [packer.add(PLACE, a), packer.add(PLACE, b)];
    finish();
    expect(stored[1]?.form).toBe(DELTA_MEDIA_TYPE);
    expect(await textOf(stored[0] as StoredPayload)).toBe(a);
    expect(await textOf(stored[1] as StoredPayload)).toBe(b);
  });

  test("every changed byte of packs with differences and lists is found when they are read", async () => {
    const { packer, packs, finish, textOf } = packerUnderTest();
    const messages = history(4);
    const stored: StoredPayload[] = [];
    for (let i = 1; i <= 4; i++) {
      stored.push(packer.add(PLACE, `{"messages":[${messages.slice(0, i).join(",")}]}`));
      stored.push(packer.addMessages({ ...PLACE, run: "r2" }, messages.slice(0, i)));
      stored.push(packer.addMessages({ ...PLACE, run: "r3" }, [`"${i}"`, ...messages.slice(0, i)]));
      finish();
    }
    expect(new Set(stored.map(({ form }) => form))).toEqual(new Set([null, DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE]));
    const reading = () => Promise.all(stored.map(textOf));
    await reading();
    let found = 0;
    let total = 0;
    for (const [name, bytes] of packs) {
      for (let at = 0; at < bytes.length; at += 7) {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] as number) ^ 1;
        packs.set(name, changed);
        total++;
        const outcome = await reading().catch((error: unknown) => error);
        if (outcome instanceof LogError) found++;
      }
      packs.set(name, bytes);
    }
    expect(found).toBe(total);
    expect(total).toBeGreaterThan(500);
  });
});
