/** Many short texts as bytes in few large buffers: a buffer each costs more than filling it. */
export interface Arena {
  /** The text's UTF-8 bytes; they stay as long as anybody has them. */
  write(text: string): Uint8Array;
}

const CHUNK_BYTES = 1024 * 1024;
/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

export function createArena(): Arena {
  let chunk: Buffer = Buffer.alloc(0);
  let used = 0;
  return {
    write: (text) => {
      const room = text.length * MAX_UNIT_BYTES;
      if (chunk.length - used < room) {
        chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, room));
        used = 0;
      }
      const begin = used;
      used += chunk.write(text, begin);
      return chunk.subarray(begin, used);
    },
  };
}
