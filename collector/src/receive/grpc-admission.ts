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
import { encodeRefusal } from "./answer.ts";
import type { Reservation } from "./byte-budget.ts";
import type { Gate, Sender } from "./gate.ts";
import { ACCEPT_ENCODING } from "./grpc-encoding.ts";
import type { Intake } from "./intake.ts";
import type { RefusalStatus } from "./status.ts";

/** A request that was let in. */
export interface Admitted {
  sender: Sender;
  reservation: Reservation;
}

/** Lets requests in before their bytes are read, and knows them by their metadata. */
export interface Admission {
  interceptor: ServerInterceptor;
  /** @throws Error of metadata that did not come through the interceptor. */
  admitted(metadata: Metadata): Admitted;
}

/** Refuses requests when memory is short, before and while their bytes come, and ends those that don't come in whole in time. */
export function createAdmission(intake: Intake, gate: Gate, timeoutMs: number): Admission {
  const known = new WeakMap<Metadata, Admitted>();
  const admit = (metadata: Metadata): Admitted => {
    const sender = gate(credentialsOf(metadata));
    const admitted = { sender, reservation: intake.reserve(sender) };
    known.set(metadata, admitted);
    return admitted;
  };
  const interceptor: ServerInterceptor = (_method, call) => {
    const stream = streamOf(call);
    let reservation: Reservation | null = null;
    let answered = false;
    const refuse = (error: unknown) => {
      if (answered) return;
      answered = true;
      call.sendStatus(grpcErrorOf(intake.refuse(error, "grpc")));
    };
    const timer = setTimeout(
      () => refuse(new OtlpError("timeout", `the request took longer than ${timeoutMs} ms`)),
      timeoutMs,
    );
    let receivedBytes = 0;
    // The library tells of a message when it has all of it.
    stream.on("data", (chunk: Buffer) => {
      receivedBytes += chunk.byteLength;
      try {
        reservation?.resize(receivedBytes);
      } catch (error) {
        refuse(error);
      }
    });
    return new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, pass) {
            try {
              reservation = admit(metadata).reservation;
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
            clearTimeout(timer);
            reservation?.release();
            // What came of a message lives as long as its stream, which a sender could leave open.
            if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
            // The library ended it itself: too large, broken compression, or the sender went away.
            if (!answered) intake.countAborted("grpc");
          },
        });
      },
      sendMetadata(metadata, next) {
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

/** The library gives no way to its bytes. */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  const { stream } = call as unknown as { stream: ServerHttp2Stream };
  return stream;
}
