import { StorageError } from "../error.ts";
import { ByteWriter } from "./byte-writer.ts";

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
export function encodeNativeBlock(columns: readonly Column[], rows: readonly Record<string, unknown>[]): Buffer[] {
  const encoders = columns.map(({ name, type }) => {
    const plainType = type.replaceAll(/LowCardinality\(([^()]*)\)/g, "$1");
    return { name, type: plainType, encoder: rejecting(name, type, () => createEncoder(plainType, rows.length)) };
  });
  const values: unknown[] = [];
  // A few rows at a time: they stay in the processor's cache while all columns pick their values.
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const some = rows.slice(start, start + ROWS_AT_ONCE);
    for (const { name, type, encoder } of encoders) {
      values.length = some.length;
      for (let i = 0; i < some.length; i++) values[i] = some[i]?.[name];
      rejecting(name, type, () => encoder.append(values));
    }
  }
  const head = new ByteWriter(16);
  head.varUint(columns.length);
  head.varUint(rows.length);
  return [head.bytes(), ...encoders.flatMap(({ name, type, encoder }) => [columnHead(name, type), ...encoder.parts()])];
}

/** A value that its column can't hold. */
export interface Unfit {
  column: string;
  why: string;
}

/**
 * The same rows without the values that their columns can't hold: null stands there where that may be, else an empty text or list, zero, or the first
 * time there is. A member that is not there at all stays an error.
 */
export function fittingRows(
  columns: readonly Column[],
  rows: readonly Record<string, unknown>[],
  onUnfit: (unfit: Unfit) => void,
): Record<string, unknown>[] {
  const fitting = rows.map((row) => ({ ...row }));
  for (const column of columns) {
    if (unfitnessOf(column, rows) === null) continue; // all of it at once: a value alone costs as much as a thousand together
    for (const row of fitting) {
      const why = row[column.name] === undefined ? null : unfitnessOf(column, [row]);
      if (why === null) continue;
      row[column.name] = emptyValueOf(column.type);
      onUnfit({ column: column.name, why });
    }
  }
  return fitting;
}

function unfitnessOf(column: Column, rows: readonly Record<string, unknown>[]): string | null {
  try {
    encodeNativeBlock([column], rows);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function emptyValueOf(type: string): unknown {
  const plainType = type.replace(/^LowCardinality\(/, "");
  if (plainType.startsWith("Nullable(")) return null;
  if (plainType.startsWith("Array(")) return [];
  if (plainType.startsWith("String")) return "";
  return plainType.startsWith("DateTime64") ? FIRST_TIME : 0;
}

const FIRST_TIME = "1970-01-01T00:00:00.000000000Z";

const ROWS_AT_ONCE = 128;

function rejecting<Result>(name: string, type: string, act: () => Result): Result {
  try {
    return act();
  } catch (cause) {
    throw new StorageError("rejected", `column ${name} (${type}): ${String(cause)}`, cause);
  }
}

function columnHead(name: string, type: string): Buffer {
  const head = new ByteWriter(name.length + type.length + 8);
  head.text(name);
  head.text(type);
  return head.bytes();
}

interface Encoder {
  append(values: readonly unknown[]): void;
  parts(): Buffer[];
}

/** The types our tables are made of; another one is an error, never a guess. */
function createEncoder(type: string, rows: number): Encoder {
  const nested = /^(Nullable|Array)\((.+)\)$/.exec(type);
  if (nested !== null) {
    const inner = createEncoder(nested[2] ?? "", rows);
    return nested[1] === "Nullable" ? nullable(inner, rows) : array(inner, rows);
  }
  const out = new ByteWriter(rows * 8);
  const append = type.startsWith("DateTime64(9") ? dateTime64 : SCALARS[type];
  if (append === undefined) throw new TypeError(`no encoder for type ${type}`);
  return { append: (values) => append(out, values), parts: () => [out.bytes()] };
}

function nullable(inner: Encoder, rows: number): Encoder {
  const nulls = new ByteWriter(rows);
  return {
    append(values) {
      for (const value of values) nulls.byte(value === null ? 1 : 0);
      inner.append(values);
    },
    parts: () => [nulls.bytes(), ...inner.parts()],
  };
}

function array(inner: Encoder, rows: number): Encoder {
  const ends = new ByteWriter(rows * 8);
  let end = 0;
  return {
    append(values) {
      for (const value of values) {
        if (!Array.isArray(value)) throw new TypeError(`not an array: ${String(value)}`);
        end += value.length;
        ends.uint64(0, end);
        inner.append(value);
      }
    },
    parts: () => [ends.bytes(), ...inner.parts()],
  };
}

/** Each writes the values of a column; null, which only a Nullable column has, as anything. */
const SCALARS: Readonly<Record<string, (out: ByteWriter, values: readonly unknown[]) => void>> = {
  String(out, values) {
    for (const value of values) {
      if (typeof value === "string") out.text(value);
      else if (value === null) out.byte(0);
      else throw new TypeError(`not a string: ${String(value)}`);
    }
  },
  Bool(out, values) {
    for (const value of values) out.byte(value === true ? 1 : 0);
  },
  UInt64(out, values) {
    for (const value of values) {
      const count = value === null ? 0 : value;
      if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0)
        throw new TypeError(`not a count: ${String(value)}`);
      out.uint64(Math.floor(count / TWO_32), count % TWO_32);
    }
  },
  Int64(out, values) {
    for (const value of values) {
      const number = value === null ? 0 : value;
      if (typeof number !== "number" || !Number.isSafeInteger(number))
        throw new TypeError(`not an integer: ${String(value)}`);
      out.uint64(Math.floor(number / TWO_32) >>> 0, number >>> 0);
    }
  },
  Float64(out, values) {
    for (const value of values) {
      const number = value === null ? 0 : value;
      if (typeof number !== "number" || !Number.isFinite(number)) throw new TypeError(`not a number: ${String(value)}`);
      out.float64(number);
    }
  },
  "Decimal(38, 9)"(out, values) {
    for (const value of values) {
      const [whole = "0", fraction = ""] = String(value ?? "0").split(".");
      const scaled = BigInt(whole + fraction.padEnd(9, "0").slice(0, 9));
      for (let shift = 0n; shift < 128n; shift += 64n)
        out.uint64(Number((scaled >> (shift + 32n)) & LOW_32), Number((scaled >> shift) & LOW_32));
    }
  },
};

const TWO_32 = 0x1_0000_0000;
const LOW_32 = 0xffff_ffffn;

/**
 * RFC 3339 in UTC to nanoseconds. Neighbours mostly share the second, so that is parsed once for them. The product of 64 bits is made
 * of parts below 2^53.
 */
function dateTime64(out: ByteWriter, values: readonly unknown[]): void {
  let second = "-";
  let high = 0;
  let low = 0;
  for (const value of values) {
    if (typeof value !== "string") throw new TypeError(`not a time: ${String(value)}`);
    if (!value.startsWith(second)) {
      second = value.slice(0, 19);
      const seconds = Date.parse(`${second}Z`) / 1000;
      if (!(seconds >= 0)) throw new RangeError(`not a time: ${value}`);
      const upper = Math.floor(seconds / 0x1_0000) * 1e9;
      high = Math.floor(upper / 0x1_0000);
      low = (upper % 0x1_0000) * 0x1_0000 + (seconds % 0x1_0000) * 1e9;
    }
    const fraction = value.slice(20, -1);
    const sum = low + Number(fraction.length === 9 ? fraction : fraction.padEnd(9, "0"));
    out.uint64(high + Math.floor(sum / TWO_32), sum % TWO_32);
  }
}
