import { StorageError } from "../error.ts";

/** A column of a table, as system.columns names its type. */
export interface Column {
  name: string;
  type: string;
}

/**
 * Encodes rows as one block of ClickHouse's Native format (https://clickhouse.com/docs/en/interfaces/formats/Native): by column, so
 * that the server copies instead of parsing, and what is one block here is one block, hence one deduplicated part, there.
 * LowCardinality goes as its plain type; the server converts. @throws StorageError `rejected` for a value its column can't hold.
 */
export function encodeNativeBlock(columns: readonly Column[], rows: readonly Record<string, unknown>[]): Buffer {
  const out = new ByteWriter(rows.length * BYTES_PER_ROW_GUESS);
  out.varUint(columns.length);
  out.varUint(rows.length);
  const values = new Array<unknown>(rows.length);
  for (const column of columns) {
    const type = column.type.replaceAll(/LowCardinality\(([^()]*)\)/g, "$1");
    out.text(column.name);
    out.text(type);
    for (let i = 0; i < rows.length; i++) values[i] = rows[i]?.[column.name];
    try {
      encoderOf(type)(out, values);
    } catch (cause) {
      throw new StorageError("rejected", `column ${column.name} (${column.type}): ${String(cause)}`, cause);
    }
  }
  return out.bytes();
}

const BYTES_PER_ROW_GUESS = 1024;
type Encoder = (out: ByteWriter, values: readonly unknown[]) => void;

/** The types our tables are made of; another one is an error, never a guess. */
function encoderOf(type: string): Encoder {
  const nested = /^(Nullable|Array)\((.+)\)$/.exec(type);
  if (nested?.[1] === "Nullable") return nullable(encoderOf(nested[2] ?? ""));
  if (nested?.[1] === "Array") return array(encoderOf(nested[2] ?? ""));
  if (type.startsWith("DateTime64(9")) return dateTime64;
  if (type === "Decimal(38, 9)") return decimal128Scale9;
  const plain = PLAIN[type];
  if (plain === undefined) throw new TypeError(`no encoder for type ${type}`);
  return plain;
}

const PLAIN: Readonly<Record<string, Encoder>> = {
  String: (out, values) => {
    for (const value of values) out.text(value === null ? "" : asString(value));
  },
  Bool: (out, values) => {
    for (const value of values) out.byte(value === true ? 1 : 0);
  },
  UInt64: (out, values) => {
    for (const value of values) out.uint64(value === null ? 0 : asCount(value));
  },
  Float64: (out, values) => {
    for (const value of values) out.float64(value === null ? 0 : asNumber(value));
  },
};

function nullable(inner: Encoder): Encoder {
  return (out, values) => {
    for (const value of values) out.byte(value === null ? 1 : 0);
    inner(out, values);
  };
}

function array(inner: Encoder): Encoder {
  return (out, values) => {
    const items: unknown[] = [];
    for (const value of values) {
      if (!Array.isArray(value)) throw new TypeError(`not an array: ${String(value)}`);
      for (const item of value) items.push(item);
      out.uint64(items.length);
    }
    inner(out, items);
  };
}

/** RFC 3339 in UTC to ticks of 1 ns; neighbours mostly share the second, so it is parsed once for them. */
function dateTime64(out: ByteWriter, values: readonly unknown[]): void {
  let second = "";
  let secondNanos = 0n;
  for (const value of values) {
    const time = value === null ? "1970-01-01T00:00:00Z" : asString(value);
    if (time.slice(0, 19) !== second) {
      second = time.slice(0, 19);
      secondNanos = BigInt(Date.parse(`${second}Z`)) * 1_000_000n; // RangeError for what is no time
    }
    const fraction = time.slice(20, -1);
    out.int64(secondNanos + (fraction === "" ? 0n : BigInt(Number(fraction.padEnd(9, "0")))));
  }
}

function decimal128Scale9(out: ByteWriter, values: readonly unknown[]): void {
  for (const value of values) {
    const [whole = "0", fraction = ""] = (value === null ? "0" : asString(value)).split(".");
    const scaled = BigInt(whole + fraction.padEnd(9, "0").slice(0, 9));
    out.int64(BigInt.asIntN(64, scaled));
    out.int64(BigInt.asIntN(64, scaled >> 64n));
  }
}

function asString(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`not a string: ${String(value)}`);
  return value;
}

function asNumber(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError(`not a number: ${String(value)}`);
  return value;
}

function asCount(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new TypeError(`not a count: ${String(value)}`);
  return value;
}

/** Little-endian bytes in a buffer that doubles. A class because it is the hot loop: 60 calls a row. */
class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafe(Math.max(capacity, 1024));
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  varUint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    this.byte(rest);
  }

  uint64(value: number): void {
    this.#reserve(8);
    this.#buffer.writeUInt32LE(value % 0x1_0000_0000, this.#length);
    this.#buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), this.#length + 4);
    this.#length += 8;
  }

  int64(value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigInt64LE(value, this.#length);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  text(value: string): void {
    if (value.length === 0) {
      this.byte(0);
      return;
    }
    const maxBytes = value.length * 3;
    this.#reserve(maxBytes + 5);
    if (maxBytes < 0x80) {
      const written = this.#buffer.write(value, this.#length + 1, "utf8");
      this.#buffer[this.#length] = written;
      this.#length += 1 + written;
      return;
    }
    this.varUint(Buffer.byteLength(value));
    this.#length += this.#buffer.write(value, this.#length, "utf8");
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
