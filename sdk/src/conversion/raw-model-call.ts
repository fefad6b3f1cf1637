import type { StepError } from "../run/run.ts";

/** A model call as it went over the wire; what it was is read by the thread that sends, and here only where somebody asks at once. */
export interface RawModelCall {
  url: string;
  /** `gen_ai.provider.name`. */
  provider: string;
  /** 1 for the first try. */
  attempt: number;
  /** The text of its body; undefined when we could not look into it. */
  request: string | undefined;
  /** Undefined: there was no answer. */
  status: number | undefined;
  /** Those of use, by name in lower case. */
  headers: readonly (readonly [name: string, value: string])[];
  /** The body's bytes, a character for each (latin1): a text is copied to another thread at once, and nothing of it is kept outside of the heap. */
  answer: string;
  /** More than `answer` has when it was too long to be kept. */
  answerBytes: number;
  /** Until the first byte of the body. */
  firstByteSeconds: number | undefined;
  /** The exchange broke off. */
  error: StepError | undefined;
}

/** The same header, whatever a provider calls it. */
export function headerOf({ headers }: Pick<RawModelCall, "headers">, ...names: string[]): string | undefined {
  for (const name of names) for (const [own, value] of headers) if (own === name) return value;
  return undefined;
}
