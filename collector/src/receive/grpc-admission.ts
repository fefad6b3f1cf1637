import { constants, type ServerHttp2Stream } from "node:http2";
import {
  type status as grpcStatus,
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { TENANT_HEADER } from "@runledger/contract";
import { OtlpError } from "../otlp/otlp.ts";
import type { Packing } from "../otlp/unpack.ts";
import { encodeRefusal } from "./answer.ts";
import type { Reservation } from "./byte-budget.ts";
import type { Gate, Sender } from "./gate.ts";
import { createMessageReader } from "./grpc-message.ts";
import type { Intake } from "./intake.ts";
import type { RefusalStatus } from "./status.ts";

/** A request that was let in. */
export interface Admitted {
  sender: Sender;
  reservation: Reservation;
  /** Known when its message is whole. */
  encoding: Packing;
}

/** Lets requests in before their bytes are read, and knows them by their metadata. */
export interface Admission {
  interceptor: ServerInterceptor;
  /** @throws Error of metadata that did not come through the interceptor. */
  admitted(metadata: Metadata): Admitted;
}

/** What a server says it takes (https://github.com/grpc/grpc/blob/master/doc/compression.md). */
const ACCEPT_ENCODING = { name: "grpc-accept-encoding", value: "identity,deflate,gzip,zstd" } as const;
const PACKINGS: readonly string[] = ["gzip", "zstd", "deflate"] satisfies Packing[];
const COMPRESSED = 1;
const PLAIN = 0;

/** Refuses requests when memory is short, before and while their bytes come, and ends those that don't come in whole in time. */
export function createAdmission(intake: Intake, gate: Gate, timeoutMs: number): Admission {
  const known = new WeakMap<Metadata, Admitted>();
  const admit = (metadata: Metadata): Admitted => {
    const sender = gate(credentialsOf(metadata));
    const admitted: Admitted = { sender, reservation: intake.reserve(sender), encoding: "identity" };
    known.set(metadata, admitted);
    return admitted;
  };
  const interceptor: ServerInterceptor = (_method, call) => {
    const { stream } = insideOf(call);
    let admitted: Admitted | null = null;
    let answered = false;
    const refuse = (error: unknown) => {
      if (answered) return;
      answered = true;
      call.sendStatus(grpcErrorOf(intake.refuse(error, "grpc")));
    };
    let timer = setTimeout(
      () => refuse(new OtlpError("timeout", `the request took longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    // Until then the library keeps what came: a sender who leaves its stream open, or takes no answer, holds it.
    const closeInTime = () => {
      clearTimeout(timer);
      if (!stream.destroyed) timer = setTimeout(() => stream.destroy(), timeoutMs);
    };
    stream.once("close", () => {
      clearTimeout(timer);
      admitted?.reservation.release();
    });
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, pass) {
            try {
              admitted = admit(metadata);
              readMessage(call, admitted, JSON.stringify(metadata).length, intake.maxBodyBytes, refuse);
            } catch (error) {
              return refuse(error);
            }
            pass(metadata);
          },
          onReceiveHalfClose(pass) {
            clearTimeout(timer);
            pass();
          },
          // Called at the end of every call, answered or not.
          onCancel() {
            if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
            closeInTime();
            // The library ended it itself: its deadline is over, it has no message, or the sender went away.
            if (!answered) intake.countAborted("grpc");
          },
        });
      },
      sendMetadata(metadata, next) {
        closeInTime();
        metadata.set(ACCEPT_ENCODING.name, ACCEPT_ENCODING.value);
        next(metadata);
      },
      sendStatus(status, next) {
        answered = true;
        next(status);
      },
    });
  };
  return {
    interceptor,
    admitted(metadata) {
      const admitted = known.get(metadata);
      if (admitted === undefined) throw new Error("a request came through without being let in");
      return admitted;
    },
  };
}

/**
 * Reads the message in place of the library, which would keep whatever comes before anybody can ask whether there is memory, unpack it itself,
 * and knows no zstd: what is packed passes as it came, and the intake unpacks it within the budget.
 */
function readMessage(
  call: ServerInterceptingCallInterface,
  admitted: Admitted,
  headerBytes: number,
  maxBytes: number,
  refuse: (error: unknown) => void,
): void {
  const inside = insideOf(call);
  const reader = createMessageReader(maxBytes, (bytes) => admitted.reservation.resize(headerBytes + bytes));
  const read = (data: Buffer): Buffer[] => {
    const message = reader.write(data);
    if (message === null) return [];
    if (message[0] === COMPRESSED && PACKINGS.includes(inside.incomingEncoding)) {
      admitted.encoding = inside.incomingEncoding as Packing;
      message[0] = PLAIN;
    }
    return [message];
  };
  inside.decoder = {
    write(data) {
      try {
        return read(data);
      } catch (error) {
        refuse(error);
        return [];
      }
    },
  };
}

/** A status with google.rpc.Status in its trailers: OTLP clients look there for RetryInfo. */
export function grpcErrorOf(refusal: RefusalStatus): { code: grpcStatus; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", encodeRefusal(refusal, "protobuf"));
  return { code: refusal.grpcCode, details: refusal.message, metadata };
}

function credentialsOf(metadata: Metadata): Parameters<Gate>[0] {
  const first = (name: string) => metadata.get(name)[0]?.toString() ?? null;
  return { authorization: first("authorization"), tenant: first(TENANT_HEADER) };
}

/** The library has no other way to the bytes of a call. */
interface InsideOfCall {
  readonly stream: ServerHttp2Stream;
  readonly incomingEncoding: string;
  decoder: { write(data: Buffer): Buffer[] };
}

function insideOf(call: ServerInterceptingCallInterface): InsideOfCall {
  return call as unknown as InsideOfCall;
}
