/** Little-endian bytes in a buffer that doubles. The inner loop of every insert: no allocation, no BigInt, no call that isn't needed. */
export class ByteWriter {
  #buffer: Buffer;
  #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(capacity, 64));
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** What was written so far; valid until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  byte(value: number): void {
    if (this.#length === this.#buffer.length) this.#grow(1);
    this.#buffer[this.#length++] = value;
  }

  /** Unsigned LEB128. */
  varUint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    this.byte(rest);
  }

  /** An integer of 64 bits as its high and low half. */
  uint64(high: number, low: number): void {
    if (this.#length + 8 > this.#buffer.length) this.#grow(8);
    this.#view.setUint32(this.#length, low, true);
    this.#view.setUint32(this.#length + 4, high, true);
    this.#length += 8;
  }

  float64(value: number): void {
    if (this.#length + 8 > this.#buffer.length) this.#grow(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A string behind its length in bytes. */
  text(value: string): void {
    if (!this.#shortAscii(value)) {
      this.varUint(Buffer.byteLength(value));
      this.#grow(value.length * 3);
      this.#length += this.#buffer.write(value, this.#length, "utf8");
    }
  }

  /** Most are ids and names: written here, faster than by a call into the engine. */
  #shortAscii(value: string): boolean {
    const { length } = value;
    if (length > SHORT_CHARS) return false;
    if (this.#length + length + 1 > this.#buffer.length) this.#grow(length + 1);
    const buffer = this.#buffer;
    const start = this.#length + 1;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[start + i] = code;
    }
    buffer[this.#length] = length;
    this.#length = start + length;
    return true;
  }

  /** Makes room for so many more bytes. */
  #grow(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Below 128, so that the length takes one byte. */
const SHORT_CHARS = 64;
