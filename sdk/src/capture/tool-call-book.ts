import type { SpanContext } from "@opentelemetry/api";
import { canonicalJson } from "@runledger/contract";
import type { AskedToolCall, OfferedTool } from "../wire/wire-format.ts";

/** A call that a model asked for. */
export interface PendingCall extends AskedToolCall {
  /** The model call that asked. */
  requestedBy: SpanContext;
  /** Where the model call hangs, so the tool hangs beside it. */
  parent: SpanContext;
  /** When the answer that asks had arrived, epoch ms. */
  askedTime: number;
  offered: () => readonly OfferedTool[];
}

/** The run's tool calls between being asked for and being seen to be answered. */
export interface ToolCallBook {
  ask(call: PendingCall): void;
  isWaiting(): boolean;
  /** An exact tool runs: takes the oldest call for it, with the same arguments if there is one. */
  claim(name: string, args: unknown, callId: string | undefined): PendingCall | undefined;
  /** A result came back: the call, unless an exact tool has it or it is known already. */
  take(callId: string): PendingCall | undefined;
  /** What never came back. */
  takeAll(): PendingCall[];
}

export function createToolCallBook(): ToolCallBook {
  const pending = new Map<string, PendingCall>();

  function take(callId: string): PendingCall | undefined {
    const call = pending.get(callId);
    pending.delete(callId);
    return call;
  }

  return {
    ask: (call) => pending.set(call.callId, call),
    isWaiting: () => pending.size > 0,
    claim(name, args, callId) {
      if (pending.size === 0) return undefined;
      if (callId !== undefined) return take(callId);
      const wanted = callKey(name, args);
      const sameName = [...pending.values()].filter((call) => call.name === name);
      const call = sameName.find((other) => callKey(name, other.arguments) === wanted) ?? sameName[0];
      return call === undefined ? undefined : take(call.callId);
    },
    take,
    takeAll() {
      const calls = [...pending.values()];
      pending.clear();
      return calls;
    },
  };
}

/** The same for the same tool with the same arguments, however they are written. */
export function callKey(name: string, args: unknown): string {
  let value = args;
  try {
    if (typeof args === "string") value = JSON.parse(args);
    return `${name} ${canonicalJson(value)}`;
  } catch {
    return `${name} ${typeof args === "string" ? args : typeof args}`; // no JSON: sameness of the text is what is left
  }
}
