/** Bytes that come in pieces, in memory that is accounted. */
export interface ByteBlocks {
  /** Copies the piece. `leftBytes`: how many may still come, this piece among them. @throws what `hold` throws; then the piece is in part there. */
  add(piece: Uint8Array, leftBytes: number): void;
  /** All of it, once. */
  take(): Buffer;
}

/** Memory is taken in blocks as large as all before, from the first of these to the last: who sends nothing holds little, whatever length it announces. */
const [FIRST_BLOCK_BYTES, LARGEST_BLOCK_BYTES] = [8 * 1024, 1024 * 1024];

/**
 * `hold` is told how many bytes are held before they are. They are copied: a piece of what was read from a socket takes 250 bytes beside its own, and keeps
 * the 64 KiB that were read with it, so senders of small pieces could hold many times what they have sent.
 */
export function createByteBlocks(hold: (bytes: number) => void): ByteBlocks {
  const blocks: Buffer[] = [];
  let room: Buffer = Buffer.alloc(0);
  let heldBytes = 0;
  return {
    add(piece, leftBytes) {
      let left = leftBytes;
      for (let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength); rest.length > 0; ) {
        if (room.length === 0) {
          const bytes = Math.max(Math.min(Math.max(heldBytes, FIRST_BLOCK_BYTES), LARGEST_BLOCK_BYTES, left), 1);
          hold(heldBytes + bytes);
          heldBytes += bytes;
          room = Buffer.allocUnsafe(bytes);
          blocks.push(room);
        }
        const copied = rest.copy(room);
        room = room.subarray(copied);
        rest = rest.subarray(copied);
        left -= copied;
      }
    },
    take() {
      const parts = blocks.splice(0);
      if (parts.length === 1 && parts[0]) return parts[0].subarray(0, heldBytes - room.length);
      return Buffer.concat(parts, heldBytes - room.length);
    },
  };
}
