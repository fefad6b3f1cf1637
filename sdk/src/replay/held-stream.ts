import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { Duplex } from "node:stream";
import type { HeldRequest } from "./held-request.ts";
import { failureOf, type RecordedAnswer, turn, wireForm } from "./recorded-answer.ts";

type Head = Readonly<Record<string, number | string | string[] | undefined>>;
type Request = (this: ClientHttp2Session, headers?: IncomingHttpHeaders, options?: object) => ClientHttp2Stream;

export interface HeldStreams {
  isHeld(headers: IncomingHttpHeaders): boolean;
  /** A stream that waits for what is to become of it. */
  opened(stream: Duplex, headers: IncomingHttpHeaders, held: HeldRequest): void;
  /** Its answer's head is here, and its body follows. */
  responded(stream: Duplex, headers: Head): void;
  failed(stream: Duplex, error: Error): void;
  /** Runs what is not to be looked at again. */
  unseen<T>(work: () => T): T;
}

/** Requests of `node:http2` on sessions of any age are no streams of theirs while `isHeld` says so. @returns a function that holds nothing any more. */
export function holdHttp2Requests(streams: HeldStreams): () => void {
  const sessions = http2Sessions();
  const original = sessions.request;
  let active = true;
  const request: Request = function (headers = {}, options) {
    const send = () => Reflect.apply(original, this, [headers, options]);
    return active && streams.isHeld(headers) ? (open(headers, send, streams) as unknown as ClientHttp2Stream) : send();
  };
  sessions.request = request;
  return () => {
    active = false;
    if (sessions.request === request) sessions.request = original;
  };
}

/** What all sessions of clients have their way to make a stream from. Node.js does not export the class: it is found by a session with nobody. */
export function http2Sessions(): { request: Request } {
  const nobody = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const session = process.getBuiltinModule("node:http2").connect("http://nobody", { createConnection: () => nobody });
  session.on("error", () => {});
  session.destroy();
  return Object.getPrototypeOf(session);
}

function open(headers: IncomingHttpHeaders, send: () => ClientHttp2Stream, streams: HeldStreams): HeldStream {
  const stream = new HeldStream(streams.failed);
  const answered = (head: Head) => {
    streams.responded(stream, head);
    stream.emit("response", head, 0, []);
  };
  streams.opened(stream, headers, {
    answer: (answer) => void tell(stream, answer, answered),
    goOn: () => stream.join(streams.unseen(send), answered),
  });
  return stream;
}

async function tell(stream: HeldStream, answer: RecordedAnswer, answered: (head: Head) => void) {
  if (answer.status === null) return void stream.destroy(failureOf(answer));
  const { status, type, chunks } = wireForm(answer);
  await turn();
  if (!stream.destroyed) answered({ ":status": status, "content-type": type });
  for (const chunk of chunks) {
    await turn();
    if (stream.destroyed) return;
    stream.push(chunk);
  }
  await turn();
  if (answer.brokeOff) stream.destroy(failureOf(answer));
  else stream.push(null);
}

/** What clients use of a stream: a duplex with a way to close it, and a time-out. */
class HeldStream extends Duplex {
  readonly #written: Buffer[] = [];
  #real: ClientHttp2Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #failed: HeldStreams["failed"];

  constructor(failed: HeldStreams["failed"]) {
    super();
    this.#failed = failed;
  }
  override _read(): void {
    this.#real?.resume();
  }
  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    if (this.#real === undefined) {
      this.#written.push(chunk);
      done();
    } else if (this.#real.write(chunk)) done();
    else this.#real.once("drain", done);
  }
  override _final(done: () => void): void {
    this.#real?.end();
    done();
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#real?.close();
    if (error !== null) this.#failed(this, error);
    done(error);
  }
  close(_code?: number, closed?: () => void): void {
    if (closed !== undefined) this.once("close", closed);
    this.destroy();
  }
  setTimeout(ms: number, told?: () => void): this {
    clearTimeout(this.#timer);
    if (told !== undefined) this.once("timeout", told);
    if (ms > 0) this.#timer = setTimeout(() => this.emit("timeout"), ms).unref();
    return this;
  }
  /** From now on it is that one. */
  join(real: ClientHttp2Stream, answered: (head: Head) => void): void {
    this.#real = real;
    real.on("response", answered);
    real.on("data", (chunk) => this.push(chunk) || real.pause());
    real.on("end", () => this.push(null));
    real.on("error", (error) => this.destroy(error));
    real.on("aborted", () => this.emit("aborted"));
    for (const chunk of this.#written.splice(0)) real.write(chunk);
    if (this.writableFinished) real.end();
  }
}
