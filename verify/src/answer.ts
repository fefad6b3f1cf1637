/** What a server must send at least while it is waited for as long as patience goes; its silence counts. */
const LEAST_BYTES = 64 * 1024;
export const PATIENCE_SECONDS = 60;

/** The body of an answer as it comes. Only the time counts that is spent waiting for it. @throws Error when it comes too slowly, or breaks off. */
export async function* received(body: ReadableStream<Uint8Array>, patienceSeconds: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const patienceMs = patienceSeconds * 1000;
  let leftMs = patienceMs;
  let bytes = 0;
  let isTooSlow = false;
  const giveUp = (): void => {
    isTooSlow = true;
    void reader.cancel(); // ends the read that waits
  };
  try {
    for (;;) {
      const began = performance.now();
      const timer = setTimeout(giveUp, leftMs);
      const part = await reader
        .read()
        .catch(brokeOff)
        .finally(() => clearTimeout(timer));
      if (isTooSlow)
        throw new Error(
          `the server sends too slowly: ${bytes} bytes in ${patienceSeconds} seconds (--patience SECONDS waits longer)`,
        );
      if (part.done) return;
      leftMs -= performance.now() - began;
      bytes += part.value.length;
      if (bytes >= LEAST_BYTES) [leftMs, bytes] = [patienceMs, 0];
      yield part.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function brokeOff(cause: unknown): never {
  throw new Error("the connection to the server broke off before the end of its answer", { cause });
}
