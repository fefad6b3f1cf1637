import { ROW_TEXT_CHARS, type StepRow } from "@runledger/contract";

export const EMBEDDINGS = "embeddings";

type Failure = Pick<StepRow, "error_message">;
type Words = Pick<StepRow, "operation" | "input_preview" | "output_preview" | "tool_request_names">;

/** What OpenInference, masks and redactors put in the place of words, and nothing else. */
const WITHHELD = /^(?:[*#█]{3,}|[[<({_*]*(?:redacted|masked)[\])>}_*]*)$/i;

/** Libraries put words of their own around what the provider said. */
const MIN_ERROR_CHARS = 8;
/** Of a message that a row has not whole, as many are compared: the rest may be cut sooner behind a library's words than without them. */
const MAX_ERROR_CHARS = ROW_TEXT_CHARS / 2;

/** What was asked last, and the answer, as far as both tell them. */
export function mayHaveSameWords(a: Words, b: Words): boolean {
  const [questions, answers] = [
    [questionOf(a), questionOf(b)],
    [answerOf(a), answerOf(b)],
  ] as const;
  const mayBeEqual = ([one, other]: readonly [string, string]) => one === "" || other === "" || one === other;
  return mayBeEqual(questions) && mayBeEqual(answers);
}

/** The first words of what was asked last; "" when they are not told. */
export function questionOf({ input_preview }: Pick<Words, "input_preview">): string {
  return WITHHELD.test(input_preview.trim()) ? "" : input_preview;
}

/** The first words of the answer, without the tool calls behind them, which not all tell; "" for none. The vectors of embeddings are none. */
export function answerOf({ operation, output_preview, tool_request_names: [asked] }: Words): string {
  if (operation === EMBEDDINGS || WITHHELD.test(output_preview.trim())) return "";
  // Without any word the preview is the answer's JSON.
  if (output_preview.startsWith('[{"role":')) return "";
  const at = asked === undefined ? -1 : output_preview.indexOf(`${asked}(`);
  return (at < 0 ? output_preview : output_preview.slice(0, at)).trim();
}

export function sameError(a: Failure, b: Failure): boolean {
  const [short = "", long = ""] = [a.error_message, b.error_message]
    .map((message) => message.trim().toLowerCase())
    .sort((one, other) => one.length - other.length || (one < other ? -1 : 1));
  return short.length >= MIN_ERROR_CHARS && long.includes(short.slice(0, MAX_ERROR_CHARS));
}
