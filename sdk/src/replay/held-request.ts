import { Agent, type ClientRequest } from "node:http";
import { Socket } from "node:net";
import { failureOf, type RecordedAnswer, turn, wireForm } from "./recorded-answer.ts";

/** A request within a replay, before anything of it has gone to the network. */
export interface HeldRequest {
  answer(answer: RecordedAnswer): void;
  /** To the network after all. */
  goOn(): void;
}

interface Agents {
  addRequest(request: ClientRequest, ...rest: unknown[]): void;
}
type Connecting = ClientRequest & { onSocket(socket: Socket): void };

/**
 * Requests of `node:http` and `node:https` get no connection while `isHeld` says so: their agents are not asked for one. Those without an
 * agent, and of agents that are not Node.js's, go by. @returns what is held, and a function that holds nothing any more.
 */
export function holdHttpRequests(isHeld: (request: ClientRequest) => boolean) {
  const held = new WeakMap<object, HeldRequest>();
  const agents = Agent.prototype as unknown as Agents;
  const original = agents.addRequest;
  let active = true;
  function addRequest(this: Agents, request: ClientRequest, ...rest: unknown[]): void {
    if (active && isHeld(request)) {
      held.set(
        request,
        hold(request as Connecting, () => Reflect.apply(original, this, [request, ...rest])),
      );
    } else Reflect.apply(original, this, [request, ...rest]);
  }
  agents.addRequest = addRequest;
  return {
    held,
    stop() {
      active = false;
      if (agents.addRequest === addRequest) agents.addRequest = original; // else somebody is in front of us, and we pass on
    },
  };
}

function hold(request: Connecting, connect: () => void): HeldRequest {
  const { destroy } = request;
  let waits = true;
  function release(): void {
    waits = false;
    request.destroy = destroy;
  }
  // One without a connection would not say that it has failed.
  request.destroy = (error) => {
    if (waits) request.onSocket(new AnswerSocket());
    release();
    return Reflect.apply(destroy, request, [error]);
  };
  return {
    answer(answer) {
      release();
      const socket = new AnswerSocket();
      request.onSocket(socket);
      if (answer.status === null) request.destroy(failureOf(answer));
      else void socket.tell(answer);
    },
    goOn() {
      if (!waits) return;
      release();
      connect();
    },
  };
}

/** A connection to nobody: what is written goes nowhere, and what comes is an answer as HTTP/1.1 has it. */
class AnswerSocket extends Socket {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
  override _writev(_chunks: unknown, done: () => void): void {
    done();
  }
  override _final(done: () => void): void {
    done();
  }
  async tell(answer: RecordedAnswer): Promise<void> {
    const { status, type, chunks } = wireForm(answer);
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    // One that broke off is longer than what comes of it.
    const length = bytes + (answer.brokeOff ? 1 : 0);
    const head = `HTTP/1.1 ${status} \r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`;
    for (const piece of [Buffer.from(head), ...chunks]) {
      // The caller goes on in between, as over a network.
      await turn();
      if (this.destroyed) return;
      this.push(piece);
    }
    await turn();
    if (answer.brokeOff) this.push(null);
  }
}
