import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Objects } from "./objects.ts";

/** A store of its own for a test; `another` opens the same store as a second process would. */
export interface ObjectsUnderTest {
  objects: Objects;
  another(): Promise<Objects>;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (read: Uint8Array | null): string | null => read && Buffer.from(read).toString();
const conflict = { name: "StorageError", code: "conflict", retryable: false };
const many = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What every driver of `Objects` must do. What a store's check at the start leaves in `probe/` is none of its matter. */
export function objectsSuite(driver: string, open: () => Promise<ObjectsUnderTest>): void {
  describe(`objects in ${driver}`, () => {
    let store: ObjectsUnderTest;
    let objects: Objects;
    beforeEach(async () => {
      store = await open();
      objects = store.objects;
    });
    afterEach(() => store.close());

    test("what is created is read, by others too", async () => {
      await objects.create("a/b/c.1", bytes("one"));
      expect(text(await objects.read("a/b/c.1"))).toBe("one");
      expect(text(await (await store.another()).read("a/b/c.1"))).toBe("one");
    });

    test("an absent object is null, and so is a prefix", async () => {
      await objects.create("a/b", bytes("one"));
      expect(await objects.read("a")).toBeNull();
      expect(await objects.read("a/b/c")).toBeNull();
      expect(await objects.readRange("x", 0, 1)).toBeNull();
      expect(await objects.readVersioned("x")).toBeNull();
    });

    test("creating the same bytes again is fine, other bytes are a conflict", async () => {
      await objects.create("a", bytes("one"));
      await objects.create("a", bytes("one"));
      await expect(objects.create("a", bytes("two"))).rejects.toMatchObject(conflict);
      expect(text(await objects.read("a"))).toBe("one");
    });

    test("of many creates of one path exactly one writes", async () => {
      const another = await store.another();
      const results = await Promise.allSettled(
        many(20).map((i) => (i % 2 === 0 ? objects : another).create("a", bytes(`writer ${i}`))),
      );
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      expect(text(await objects.read("a"))).toBe(`writer ${winner}`);
    });

    test("replace writes and overwrites", async () => {
      await objects.replace("log/0/checkpoint", bytes("one"));
      await objects.replace("log/0/checkpoint", bytes("two"));
      expect(text(await objects.read("log/0/checkpoint"))).toBe("two");
    });

    test("folders are the names directly below a prefix that have something below them", async () => {
      await objects.create("log/b/tile/0/000", bytes("1"));
      await objects.replace("log/a-1/checkpoint", bytes("2"));
      await objects.create("log/file", bytes("3"));
      await objects.replace("log/gone/checkpoint", bytes("4"));
      await objects.delete("log/gone/checkpoint");
      expect(await objects.folders("log/")).toEqual(["a-1", "b"]);
      expect(await objects.folders("nothing/")).toEqual([]);
    });

    test("compareAndSet writes only over the expected version", async () => {
      const first = await objects.compareAndSet("state/a.json", bytes("one"), null);
      await expect(objects.compareAndSet("state/a.json", bytes("two"), null)).rejects.toMatchObject(conflict);
      const second = await objects.compareAndSet("state/a.json", bytes("two"), first);
      await expect(objects.compareAndSet("state/a.json", bytes("three"), first)).rejects.toMatchObject(conflict);
      expect(await objects.readVersioned("state/a.json")).toMatchObject({ version: second });
      expect(text(await objects.read("state/a.json"))).toBe("two");
    });

    test("no compareAndSet of many is lost", async () => {
      const another = await store.another();
      const increment = async (through: Objects): Promise<void> => {
        for (;;) {
          const stored = await through.readVersioned("state/counter.json");
          const next = bytes(String(Number(text(stored?.bytes ?? null) ?? "0") + 1));
          const won = await through.compareAndSet("state/counter.json", next, stored?.version ?? null).then(
            () => true,
            (error) => {
              if (error.code !== "conflict") throw error;
              return false;
            },
          );
          if (won) return;
        }
      };
      await Promise.all(many(12).map((i) => increment(i % 2 === 0 ? objects : another)));
      expect(text(await objects.read("state/counter.json"))).toBe("12");
    });

    test("evidence is neither replaced nor deleted", async () => {
      await objects.create("log/0/tile/0/000", bytes("one"));
      const rejected = { name: "StorageError", code: "rejected" };
      await expect((async () => objects.replace("log/0/tile/0/000", bytes("two")))()).rejects.toMatchObject(rejected);
      await expect((async () => objects.compareAndSet("x", bytes("two"), null))()).rejects.toMatchObject(rejected);
      await expect((async () => objects.delete("log/0/tile/0/000"))()).rejects.toMatchObject(rejected);
      expect(text(await objects.read("log/0/tile/0/000"))).toBe("one");
    });

    test("ranges are cut at the object's end", async () => {
      await objects.create("a", bytes("0123456789"));
      expect(text(await objects.readRange("a", 2, 3))).toBe("234");
      expect(text(await objects.readRange("a", 8, 5))).toBe("89");
      expect(text(await objects.readRange("a", 20, 5))).toBe("");
    });

    test("list gives all objects below a prefix in the order of their paths", async () => {
      for (const path of ["l/tile/0/000", "l/tile/0/000.p/7", "l/tile/0/000.p/12", "l/tile/1/000", "l/x", "m"]) {
        await objects.create(path, bytes(path));
      }
      const listed = async (prefix: string): Promise<string[]> => {
        const paths: string[] = [];
        for await (const { path, sizeBytes } of objects.list(prefix)) {
          if (path.startsWith("probe/")) continue;
          expect(sizeBytes).toBe(path.length);
          paths.push(path);
        }
        return paths;
      };
      expect(await listed("l/tile/0/")).toEqual(["l/tile/0/000", "l/tile/0/000.p/12", "l/tile/0/000.p/7"]);
      expect(await listed("l/tile/0/000.p/")).toEqual(["l/tile/0/000.p/12", "l/tile/0/000.p/7"]);
      expect(await listed("l/tile/0/000.p/1")).toEqual(["l/tile/0/000.p/12"]);
      expect(await listed("nothing/")).toEqual([]);
      expect(await listed("")).toHaveLength(6);
    });

    test("a deleted object is gone, deleting it again is fine, and its place can be used again", async () => {
      await objects.create("a.p/1", bytes("one"));
      await objects.delete("a.p/1");
      await objects.delete("a.p/1");
      expect(await objects.read("a.p/1")).toBeNull();
      await objects.create("a.p/1", bytes("two"));
      expect(text(await objects.read("a.p/1"))).toBe("two");
    });

    test("empty objects and many at once", async () => {
      await objects.create("empty", bytes(""));
      expect(text(await objects.read("empty"))).toBe("");
      await Promise.all(many(200).map((i) => objects.create(`many/${i % 7}/${i}`, bytes(String(i)))));
      expect(text(await objects.read("many/3/199"))).toBe("199");
    });

    test.each(["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".hidden", "a/.b", "a\\b", "a\0b", "a b", "ä"])(
      "the path %j is rejected",
      async (path) => {
        const rejected = { name: "StorageError", code: "rejected" };
        await expect((async () => objects.create(path, bytes("x")))()).rejects.toMatchObject(rejected);
        await expect((async () => objects.read(path))()).rejects.toMatchObject(rejected);
      },
    );
  });
}
