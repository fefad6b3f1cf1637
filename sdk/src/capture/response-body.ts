import { MAX_ANSWER_BYTES } from "../conversion/answer-text.ts";
import type { RawModelCall } from "../conversion/raw-model-call.ts";

/** Our copy of an answer's bytes, as they come over the wire. */
export interface AnswerBody {
  /** Copied: the caller may do with its own what it likes. */
  add(bytes: Uint8Array): void;
  taken(): Pick<RawModelCall, "answer" | "answerBytes">;
}

export function createAnswerBody(): AnswerBody {
  let answer = "";
  let answerBytes = 0;
  return {
    add(bytes) {
      answerBytes += bytes.byteLength;
      if (answerBytes > MAX_ANSWER_BYTES) answer = "";
      else answer += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    },
    taken: () => ({ answer, answerBytes }),
  };
}
