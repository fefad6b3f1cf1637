import type { StepFact } from "./step-fact.ts";

type Words = Pick<StepFact, "input_preview" | "output_preview" | "tool_request_names">;

/** What was asked last, and the answer, as far as both tell them. */
export function mayHaveSameWords(a: Words, b: Words): boolean {
  const [answerOfA, answerOfB] = [answerOf(a), answerOf(b)];
  return (
    (a.input_preview === "" || b.input_preview === "" || a.input_preview === b.input_preview) &&
    (answerOfA === "" || answerOfB === "" || answerOfA === answerOfB)
  );
}

/** The first words of the answer, without the tool calls behind them, which not all tell; "" for none. */
export function answerOf({ output_preview, tool_request_names: [asked] }: Words): string {
  // Without any word the preview is the answer's JSON.
  if (output_preview.startsWith('[{"role":')) return "";
  const at = asked === undefined ? -1 : output_preview.indexOf(`${asked}(`);
  return (at < 0 ? output_preview : output_preview.slice(0, at)).trim();
}
