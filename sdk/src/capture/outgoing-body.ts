import type { Failures } from "../failures.ts";

/** A longer request is sent as it is and recorded without its content. */
export const MAX_REQUEST_BYTES = 33_554_432;

/** A request under way as Node.js's `http` and `http2` have it: what is written goes out. */
export interface Outgoing {
  write(chunk: unknown, ...rest: unknown[]): boolean;
  end(...args: unknown[]): unknown;
  destroy(error: Error): unknown;
}

export interface OutgoingObserver {
  /** Was a length told? Then the body is in memory as a whole, and waiting for its end delays nothing. */
  isWhole(): boolean;
  /** Once, before the first byte of the body goes out. @param text undefined when we could not look into it. @throws what the request is to fail with. */
  begin(text: string | undefined): void;
  failures: Failures;
}

type Callback = (error?: Error | null) => void;

/**
 * Holds back a body that is in memory as a whole until its last byte is written, and a request without a length until its first: so it
 * can be refused before the server has it. A body that streams is passed on as it comes.
 */
export function observeOutgoing(outgoing: Outgoing, { isWhole, begin, failures }: OutgoingObserver): void {
  const { write, end } = outgoing;
  let held: Buffer[] | undefined = [];
  let heldBytes = 0;

  /** False: it was refused. From here on all goes as it would without us. */
  function release(text: string | undefined): boolean {
    const body = Buffer.concat(held ?? []);
    held = undefined;
    Object.assign(outgoing, { write, end });
    try {
      begin(text);
    } catch (error) {
      outgoing.destroy(error as Error);
      return false;
    }
    if (body.byteLength > 0 && text === undefined) Reflect.apply(write, outgoing, [body]);
    return true;
  }

  outgoing.write = (...args: unknown[]) => {
    const bytes = held && failures.attempt("capture", () => bytesOf(args[0], args[1]));
    if (bytes !== undefined && isWhole() && heldBytes + bytes.byteLength <= MAX_REQUEST_BYTES) {
      held?.push(bytes);
      heldBytes += bytes.byteLength;
      const callback = args.findLast((arg) => typeof arg === "function") as Callback | undefined;
      if (callback !== undefined) process.nextTick(callback);
      return true;
    }
    if (held !== undefined && !release(undefined)) return false;
    return Reflect.apply(write, outgoing, args);
  };
  outgoing.end = (...args: unknown[]) => {
    if (held === undefined) return Reflect.apply(end, outgoing, args);
    const callback = args.findLast((arg) => typeof arg === "function");
    const last = typeof args[0] === "function" ? undefined : args[0];
    const bytes =
      last === undefined || last === null ? Buffer.alloc(0) : failures.attempt("capture", () => bytesOf(last, args[1]));
    if (bytes === undefined || heldBytes + bytes.byteLength > MAX_REQUEST_BYTES) {
      return release(undefined) ? Reflect.apply(end, outgoing, args) : outgoing;
    }
    const body = Buffer.concat([...held, bytes]);
    if (!release(body.toString("utf8"))) return outgoing;
    return Reflect.apply(end, outgoing, [...(body.byteLength > 0 ? [body] : []), ...(callback ? [callback] : [])]);
  };
}

/** A copy: the caller may do with its own what it likes. Undefined for what Node.js will refuse. */
function bytesOf(chunk: unknown, encoding: unknown): Buffer | undefined {
  if (typeof chunk === "string") {
    return Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}
