import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { objectsSuite } from "./objects.suite.ts";
import type { Objects } from "./objects.ts";
import { createS3Objects } from "./s3.ts";
import { checkS3 } from "./s3-check.ts";
import { createS3Client, DEFAULT_S3_LIMITS } from "./s3-client.ts";
import { parseS3Location, shortLockFault } from "./s3-location.ts";
import { needlessPermissions } from "./s3-permissions.ts";
import { type S3Fault, type StrictS3, startStrictS3 } from "./strict-s3.fixture.ts";

const limits = { ...DEFAULT_S3_LIMITS, requestTimeoutMs: 2_000 };
const bytes = (text: string) => Buffer.from(text);
const textOf = (read: Uint8Array | null) => read && Buffer.from(read).toString();

beforeAll(() => {
  process.env["AWS_ACCESS_KEY_ID"] = "test";
  process.env["AWS_SECRET_ACCESS_KEY"] = "testtest";
});
afterAll(() => {
  delete process.env["AWS_ACCESS_KEY_ID"];
  delete process.env["AWS_SECRET_ACCESS_KEY"];
});

function open(s3: StrictS3, options = "", warnings: object[] = []): { objects: Objects; close(): void } {
  const location = parseS3Location(`s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}${options}`);
  const client = createS3Client(location, limits);
  const warn = (_message: string, details: object) => void warnings.push(details);
  const objects = createS3Objects({ client, now: Date.now, random: Math.random, warn }, location);
  return { objects, close: () => client.destroy() };
}

for (const [name, options, versioned] of [
  ["S3", "", false],
  ["S3 with Object Lock", "&lock=compliance&retention=1d", true],
] as const) {
  objectsSuite(name, async () => {
    const s3 = await startStrictS3({ bucket: "evidence", versioned });
    const opened = [open(s3, options)];
    const another = async () => {
      const one = open(s3, options);
      opened.push(one);
      return one.objects;
    };
    return {
      objects: opened[0]?.objects as Objects,
      another,
      close: async () => {
        for (const { close } of opened) close();
        await s3.close();
      },
    };
  });
}

test("an object that is larger than any of ours is refused before it fills the memory", async () => {
  const chunk = Buffer.alloc(1024 * 1024);
  let sent = 0;
  const Body = (async function* () {
    for (; sent < 700; sent++) yield chunk;
  })();
  const { client, now, random, warn } = {
    client: { send: async () => ({ Body, ETag: "e" }) } as never,
    ...{ now: Date.now, random: Math.random, warn: () => undefined },
  };
  const objects = createS3Objects({ client, now, random, warn }, parseS3Location("s3://evidence/ledger"));
  await expect(objects.read("log/a/checkpoint")).rejects.toThrow("more than 671088640 bytes");
  expect(sent).toBe(640);
});

describe("evidence under Object Lock", () => {
  let s3: StrictS3;
  let warnings: object[];
  let opened: ReturnType<typeof open>;
  beforeEach(async () => {
    s3 = await startStrictS3({ bucket: "evidence" });
    warnings = [];
    opened = open(s3, "&lock=compliance&retention=400d", warnings);
  });
  afterEach(async () => {
    opened.close();
    await s3.close();
  });

  test.each([
    ["a newer version", bytes("forged")],
    ["a delete marker", null],
  ])("%s put over an object hides nothing and is reported", async (_what, forged) => {
    const { objects } = opened;
    await objects.create("log/0/tile/0/000", bytes("true"));
    s3.overwrite("ledger/log/0/tile/0/000", forged);
    const fresh = open(s3, "&lock=compliance", warnings);
    expect(textOf(await fresh.objects.read("log/0/tile/0/000"))).toBe("true");
    expect(textOf(await fresh.objects.readRange("log/0/tile/0/000", 1, 2))).toBe("ru");
    const listed = [];
    for await (const { path, sizeBytes } of fresh.objects.list("log/")) listed.push([path, sizeBytes]);
    expect(listed).toEqual([["log/0/tile/0/000", 4]]);
    expect(warnings).toEqual([{ path: "log/0/tile/0/000", newer: 1 }]);
    fresh.close();
  });

  test("a folder whose every object is under a delete marker is one still, and reported", async () => {
    const { objects } = opened;
    for (const path of ["log/0/tile/0/000", "log/1/tile/0/000", "log/1/tile/0/001", "log/2/tile/0/000"])
      await objects.create(path, bytes("true"));
    for (const folder of ["log/1", "log/gone"]) {
      await objects.replace(`${folder}/checkpoint`, bytes("head"));
      await objects.delete(`${folder}/checkpoint`);
    }
    for (const path of ["log/1/tile/0/000", "log/1/tile/0/001", "log/2/tile/0/000"])
      s3.overwrite(`ledger/${path}`, null);
    const fresh = open(s3, "&lock=compliance", warnings);
    expect(await fresh.objects.folders("log/")).toEqual(["0", "1", "2"]);
    expect(warnings).toEqual(["1", "2"].map((log) => ({ path: `log/${log}/tile/0/000`, newer: 1 })));
    fresh.close();
  });

  test("without a lock in the location a delete marker hides evidence, which is told of once", async () => {
    await opened.objects.create("log/0/tile/0/000", bytes("true"));
    await opened.objects.replace("state/a.json", bytes("1"));
    for (const key of ["log/0/tile/0/000", "state/a.json"]) s3.overwrite(`ledger/${key}`, null);
    const unlocked = open(s3, "", warnings);
    for (const path of ["log/0/tile/0/000", "log/0/tile/0/000", "log/0/tile/0/001", "state/a.json"])
      expect(await unlocked.objects.read(path)).toBeNull();
    expect(warnings).toEqual([{ path: "log/0/tile/0/000" }]);
    unlocked.close();
  });

  test.each([
    ["in one request", 1],
    ["in parts", 17 * 1024 * 1024],
  ])(
    "an object is locked until its own date (%s), and written again with another it is the same",
    async (_how, size) => {
      const { objects } = opened;
      const pack = Buffer.alloc(size, "p");
      const [untilMs, laterMs] = [Date.UTC(2099, 0, 1), Date.UTC(2099, 1, 1)];
      await objects.create("payloads/0/ab/abcd", pack, { retainUntilMs: untilMs });
      for (const retainUntilMs of [laterMs, untilMs, undefined])
        await objects.create("payloads/0/ab/abcd", pack, { retainUntilMs });
      const dates = s3.versionsOf("ledger/payloads/0/ab/abcd").map(({ retainUntil }) => Date.parse(retainUntil ?? ""));
      expect(dates).toEqual([untilMs]);
      const beforeMs = Date.now();
      await objects.create("log/0/tile/0/000", bytes("1"));
      const [tile] = s3.versionsOf("ledger/log/0/tile/0/000");
      const days = (Date.parse(tile?.retainUntil ?? "") - beforeMs) / 86_400_000;
      expect(days).toBeCloseTo(400, 2);
      await objects.create("log/0/tile/0/000.p/1", bytes("1"), { retainUntilMs: untilMs });
      expect(s3.versionsOf("ledger/log/0/tile/0/000.p/1")[0]?.retainUntil).toBeNull();
    },
  );

  test("a retention of the log's files that ends before contents do is told, with the one to set", () => {
    const fault = (options: string, days: number) => shortLockFault(`s3://evidence/ledger?lock=${options}`, days);
    expect(fault("compliance&retention=400d", 400)).toContain("set retention=433d");
    expect(fault("governance&retention=2d", 1)).toContain("set retention=34d");
    expect(fault("compliance", 800)).toContain("set retention=833d");
    expect([fault("compliance", 400), fault("compliance&retention=34d", 1), fault("none", 400)]).toEqual([
      null,
      null,
      null,
    ]);
    expect(shortLockFault("file:objects", 400)).toBeNull();
  });

  test("evidence is neither replaced nor deleted through us", async () => {
    const { objects } = opened;
    await objects.create("payloads/0/ab/abcd", bytes("x"));
    const refused = { code: "rejected" };
    await expect(objects.replace("payloads/0/ab/abcd", bytes("y"))).rejects.toMatchObject(refused);
    await expect(objects.compareAndSet("payloads/0/ab/abcd", bytes("y"), null)).rejects.toMatchObject(refused);
    await expect(objects.delete("payloads/0/ab/abcd")).rejects.toMatchObject(refused);
  });

  test("what is replaced lies where the location says", async () => {
    const { objects, close } = open(s3, "&lock=compliance&mutable=evidence/changing");
    await objects.create("log/0/tile/0/000", bytes("1"));
    await objects.replace("log/0/checkpoint", bytes("2"));
    await objects.create("log/0/tile/0/000.p/3", bytes("3"));
    expect(s3.versionsOf("ledger/log/0/tile/0/000")).toHaveLength(1);
    expect(s3.versionsOf("changing/log/0/checkpoint")).toHaveLength(1);
    const listed = [];
    for await (const { path } of objects.list("")) listed.push(path);
    expect(listed).toEqual(["log/0/checkpoint", "log/0/tile/0/000", "log/0/tile/0/000.p/3"]);
    close();
  });
});

describe("writes that fail", () => {
  let s3: StrictS3;
  let opened: ReturnType<typeof open>;
  beforeEach(async () => {
    s3 = await startStrictS3({ bucket: "evidence" });
    opened = open(s3);
  });
  afterEach(async () => {
    opened.close();
    await s3.close();
  });
  const firstPut = (fault: S3Fault) => {
    let put = 0;
    s3.faults = ({ method }) => (method === "PUT" && put++ === 0 ? fault : null);
  };
  const FAULTS: S3Fault[] = ["lost", "answer_lost", "done_but_failed", "slow_down", "late"];

  test.each(FAULTS)("a create whose first attempt is %s is written once", async (fault) => {
    firstPut(fault);
    await opened.objects.create("a", bytes("one"));
    s3.deliverLate();
    expect(s3.versionsOf("ledger/a").map((version) => version.bytes?.toString())).toEqual(["one"]);
    await expect(opened.objects.create("a", bytes("two"))).rejects.toMatchObject({ code: "conflict" });
  });

  test.each(FAULTS)("a compareAndSet whose first attempt is %s wins once, and knows it", async (fault) => {
    const first = await opened.objects.compareAndSet("state/a.json", bytes("1"), null);
    firstPut(fault);
    const second = await opened.objects.compareAndSet("state/a.json", bytes("2"), first);
    s3.faults = () => null;
    const third = await opened.objects.compareAndSet("state/a.json", bytes("3"), second);
    s3.deliverLate();
    expect(await opened.objects.readVersioned("state/a.json")).toMatchObject({ version: third });
    expect(s3.versionsOf("ledger/state/a.json")).toHaveLength(3);
  });

  test("a replacement that arrives late does not undo a newer one", async () => {
    await opened.objects.replace("log/0/checkpoint", bytes("old"));
    s3.faults = ({ method }) => (method === "PUT" ? "late" : null);
    await expect(opened.objects.replace("log/0/checkpoint", bytes("given up"))).rejects.toMatchObject({
      retryable: true,
    });
    s3.faults = () => null;
    await opened.objects.replace("log/0/checkpoint", bytes("new"));
    s3.deliverLate();
    expect(textOf(await opened.objects.read("log/0/checkpoint"))).toBe("new");
  });

  test("two writers of the same bytes don't both win a compareAndSet", async () => {
    const other = open(s3);
    const results = await Promise.allSettled(
      [opened, other].map(({ objects }) => objects.compareAndSet("state/a.json", bytes("same"), null)),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    other.close();
  });

  test("a store that never answers is given up, and says what to do", async () => {
    s3.faults = () => "lost";
    await expect(opened.objects.create("a", bytes("one"))).rejects.toMatchObject({
      code: "unavailable",
      retryable: true,
    });
    const rejected = { code: "rejected", message: expect.stringContaining("NoSuchBucket") };
    s3.faults = () => null;
    const location = parseS3Location(`s3://nobody/x?endpoint=${encodeURIComponent(s3.endpoint)}`);
    const client = createS3Client(location, limits);
    const elsewhere = createS3Objects({ client, now: Date.now, random: Math.random, warn: () => undefined }, location);
    await expect(elsewhere.create("a", bytes("x"))).rejects.toMatchObject(rejected);
    client.destroy();
  });
});

describe("large objects", () => {
  const large = Buffer.alloc(17 * 1024 * 1024, "0123456789abcdef!");

  test("go in parts, locked and once, and are read whole", async () => {
    const s3 = await startStrictS3({ bucket: "evidence" });
    const { objects, close } = open(s3, "&lock=compliance");
    await objects.create("payloads/0/ab/abcd", large);
    await objects.create("payloads/0/ab/abcd", large);
    await expect(objects.create("payloads/0/ab/abcd", large.subarray(1))).rejects.toMatchObject({ code: "conflict" });
    expect(s3.requests.filter((request) => request.startsWith("PUT")).length).toBeGreaterThanOrEqual(9);
    expect(s3.versionsOf("ledger/payloads/0/ab/abcd")).toHaveLength(1);
    expect(Buffer.compare((await objects.read("payloads/0/ab/abcd")) ?? Buffer.of(), large)).toBe(0);
    close();
    await s3.close();
  }, 60_000);

  test.each(["lost", "answer_lost", "done_but_failed", "slow_down", "late"] as const)(
    "one of whose requests is %s is written once",
    async (fault) => {
      for (const nth of [0, 2, 4]) {
        const s3 = await startStrictS3({ bucket: "evidence" });
        const { objects, close } = open(s3, "&lock=compliance");
        let writes = 0;
        s3.faults = ({ method }) => (method !== "GET" && writes++ === nth ? fault : null);
        await objects.create("payloads/0/ab/abcd", large).catch(() => objects.create("payloads/0/ab/abcd", large));
        s3.deliverLate();
        expect([nth, s3.versionsOf("ledger/payloads/0/ab/abcd").length]).toEqual([nth, 1]);
        close();
        await s3.close();
      }
    },
    60_000,
  );
});

describe("the check at the start", () => {
  const check = async (options: Parameters<typeof startStrictS3>[0], query: string) => {
    const s3 = await startStrictS3(options);
    const location = parseS3Location(`s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}${query}`);
    const client = createS3Client(location, limits);
    try {
      await checkS3(client, location);
      await checkS3(client, location);
      return { fault: null, s3 };
    } catch (error) {
      return { fault: (error as Error).message, s3 };
    } finally {
      client.destroy();
      await s3.close();
    }
  };

  test("a good store passes, also a second time, and nothing but the day's probe is kept", async () => {
    for (const [versioned, query] of [
      [true, "&lock=compliance"],
      [false, ""],
    ] as const) {
      expect((await check({ bucket: "evidence", versioned }, query)).fault).toBeNull();
    }
  });

  test.each([
    ["has no versioning", { bucket: "evidence", versioned: false }, "&lock=compliance"],
    ["has no Object Lock", { bucket: "evidence", versioned: false }, "&lock=governance"],
    ["ignores If-None-Match", { bucket: "evidence", ignores: ["if-none-match"] }, ""],
    ["ignores If-Match", { bucket: "evidence", ignores: ["if-match"] }, ""],
    ["set it by NTP", { bucket: "evidence", clockOffsetMs: -600_000 }, ""],
    ["lets a locked version be deleted", { bucket: "evidence", ignores: ["lock"] }, "&lock=compliance"],
    ["is public", { bucket: "evidence", ignores: ["credentials"] }, "&lock=compliance"],
    ["there is none: create it first", { bucket: "other" }, ""],
  ] as const)("a store that %s is refused with what to mend", async (what, options, query) => {
    expect((await check(options, query)).fault).toContain(what);
  });

  test.each([
    ["compliance", [], ["s3:DeleteObjectVersion"]],
    ["governance", [], ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]],
    ["governance", ["bypass-governance"], ["s3:DeleteObjectVersion"]],
    ["governance", ["delete-version"], []],
    ["none", [], []],
  ] as const)(
    "permissions that nobody needs are told, and change nothing (%s, denied: %j)",
    async (lock, denies, told) => {
      const s3 = await startStrictS3({ bucket: "evidence", denies });
      const location = parseS3Location(`s3://evidence/ledger?endpoint=${encodeURIComponent(s3.endpoint)}&lock=${lock}`);
      const client = createS3Client(location, limits);
      const found = await needlessPermissions(client, location);
      expect(found).toHaveLength(told.length);
      for (const [i, permission] of told.entries()) expect(found[i]).toContain(permission);
      expect(s3.versionsOf("ledger/probe/nothing")).toEqual([]);
      client.destroy();
      await s3.close();
    },
  );

  test("a location that can't be read says what is wrong with it", () => {
    for (const [location, what] of [
      ["s3://", "is not s3://BUCKET"],
      ["s3://evidence/x?retention=forever", "retention: is a number of days"],
      ["s3://evidence/x?endpoint=nowhere", "endpoint: is a URL"],
      ["s3://evidence/x?lokc=compliance", "lokc"],
    ] as const) {
      expect(() => parseS3Location(location)).toThrow(what);
    }
  });
});
