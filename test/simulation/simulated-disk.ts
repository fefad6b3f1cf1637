import type { Life, World } from "./world.ts";

/** Bytes as programs see them, and as they are on the platter: between two fsyncs they differ. */
interface File {
  kind: "file";
  bytes: Buffer;
  durable: Buffer;
  pending: Change[];
}
interface Directory {
  kind: "directory";
  pending: NameChange[];
}
type Node = File | Directory;
type Change = { at: number; bytes: Buffer } | { length: number };
/** Names that come and go at once: a rename is two. */
type NameChange = { path: string; node: Node | null }[];

export interface SimulatedDisk {
  life: Life;
  open(path: string, flags: string): Promise<SimulatedHandle>;
  readFile(path: string): Promise<Buffer>;
  readdir(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  /** The power fails: of what was not fsynced some is there, some is not, some is torn. Names keep their order, bytes do not. */
  losePower(): void;
  /** Puts a file there, durably. */
  place(path: string, bytes: Buffer): void;
}

export interface SimulatedHandle {
  write(bytes: Uint8Array, from: number, length: number, at: number): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  read(into: Uint8Array, from: number, length: number, at: number): Promise<number>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskSettings {
  /** Of a write, fsync or rename: it is answered with EIO. */
  failing: () => number;
  /** False: fsync promises what it does not keep. */
  syncs: boolean;
}

/** The disk of one machine, empty but for its root. */
export function createSimulatedDisk(world: World, root: string, { failing, syncs }: DiskSettings): SimulatedDisk {
  let names = new Map<string, Node>([[root, { kind: "directory", pending: [] }]]);
  const durableNames = new Map(names);
  let life: Life = { alive: true };

  const turn = async (canFail: boolean): Promise<void> => {
    await world.turn(life);
    if (canFail && world.chance(failing())) throw failure("EIO");
  };
  const directoryOf = (path: string): Directory => {
    const parent = names.get(path.slice(0, path.lastIndexOf("/")));
    if (parent?.kind !== "directory") throw failure("ENOENT");
    return parent;
  };
  const fileAt = (path: string): File => {
    const node = names.get(path);
    if (node === undefined) throw failure("ENOENT");
    if (node.kind !== "file") throw failure("EISDIR");
    return node;
  };
  const name = (...changes: NameChange): void => {
    const [first] = changes;
    if (first === undefined) return;
    directoryOf(first.path).pending.push(changes);
    applyNames(names, changes);
  };
  const syncNode = async (node: Node): Promise<void> => {
    const asked = life;
    await world.turn(asked);
    const fails = world.chance(failing());
    if (node.kind === "directory") {
      if (fails) throw failure("EIO");
      if (syncs) for (const changes of node.pending.splice(0)) applyNames(durableNames, changes);
      return;
    }
    // After a failed fsync the system has forgotten what it could not write.
    node.durable = fails || !syncs ? (fails ? tornBytes(world, node) : node.durable) : Buffer.from(node.bytes);
    if (syncs || fails) node.pending = [];
    if (fails) throw failure("EIO");
  };

  return {
    get life() {
      return life;
    },
    set life(next: Life) {
      life = next;
    },
    open: async (path, flags) => {
      await turn(flags !== "r");
      if (flags === "r") return handleOf(names.get(path) ?? fileAt(path));
      if (flags.includes("x") && names.has(path)) throw failure("EEXIST");
      if (flags.startsWith("w") && !names.has(path))
        name({ path, node: { kind: "file", bytes: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] } });
      const file = fileAt(path);
      if (flags.startsWith("w")) change(file, { length: 0 });
      return handleOf(file);
    },
    readFile: async (path) => {
      await turn(false);
      return Buffer.from(fileAt(path).bytes);
    },
    readdir: async (path) => {
      await turn(false);
      if (names.get(path)?.kind !== "directory") throw failure("ENOENT");
      const inside = [...names.keys()].filter((other) => other.startsWith(`${path}/`));
      return inside.map((other) => other.slice(path.length + 1)).filter((other) => !other.includes("/"));
    },
    rename: async (from, to) => {
      await turn(true);
      name({ path: to, node: fileAt(from) }, { path: from, node: null });
    },
    link: async (from, to) => {
      await turn(true);
      if (names.has(to)) throw failure("EEXIST");
      name({ path: to, node: fileAt(from) });
    },
    unlink: async (path) => {
      await turn(true);
      fileAt(path);
      name({ path, node: null });
    },
    mkdir: async (path) => {
      await turn(true);
      if (names.has(path)) throw failure("EEXIST");
      name({ path, node: { kind: "directory", pending: [] } });
    },
    losePower: () => {
      for (const node of new Set([...names.values(), ...durableNames.values()])) {
        if (node.kind === "directory") {
          const kept = node.pending.slice(0, world.below(node.pending.length + 1));
          for (const changes of kept) applyNames(durableNames, changes);
        } else {
          node.durable = tornBytes(world, node);
          node.bytes = Buffer.from(node.durable);
        }
        node.pending = [];
      }
      names = new Map(durableNames);
    },
    place: (path, bytes) => {
      const node: File = { kind: "file", bytes: Buffer.from(bytes), durable: Buffer.from(bytes), pending: [] };
      names.set(path, node);
      durableNames.set(path, node);
    },
  };

  function handleOf(node: Node): SimulatedHandle {
    const file = (): File => {
      if (node.kind !== "file") throw failure("EISDIR");
      return node;
    };
    return {
      write: async (bytes, from, length, at) => {
        await turn(true);
        change(file(), { at, bytes: Buffer.from(bytes.subarray(from, from + length)) });
      },
      append: async (bytes) => {
        await turn(true);
        change(file(), { at: file().bytes.length, bytes: Buffer.from(bytes) });
      },
      read: async (into, from, length, at) => {
        await turn(false);
        const found = file().bytes.subarray(at, at + length);
        into.set(found, from);
        return found.length;
      },
      truncate: async (length) => {
        await turn(true);
        change(file(), { length });
      },
      size: async () => {
        await turn(false);
        return file().bytes.length;
      },
      sync: () => syncNode(node),
      close: async () => undefined,
    };
  }
}

function applyNames(names: Map<string, Node>, changes: NameChange): void {
  for (const { path, node } of changes) {
    if (node === null) names.delete(path);
    else names.set(path, node);
  }
}

function change(file: File, made: Change): void {
  file.bytes = changed(file.bytes, made);
  file.pending.push(made);
}

function changed(bytes: Buffer, made: Change): Buffer {
  if ("length" in made) {
    const cut = Buffer.alloc(made.length);
    bytes.copy(cut);
    return cut;
  }
  const grown = Buffer.alloc(Math.max(bytes.length, made.at + made.bytes.length));
  bytes.copy(grown);
  made.bytes.copy(grown, made.at);
  return grown;
}

/** What the platter may hold: any of the changes since the last fsync, one of them perhaps in part. */
function tornBytes(world: World, file: File): Buffer {
  let bytes = file.durable;
  for (const made of file.pending) {
    const fate = world.random();
    if (fate < 0.4) continue;
    if (fate < 0.8 || "length" in made) bytes = changed(bytes, made);
    else bytes = changed(bytes, { at: made.at, bytes: made.bytes.subarray(0, world.below(made.bytes.length)) });
  }
  return Buffer.from(bytes);
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
