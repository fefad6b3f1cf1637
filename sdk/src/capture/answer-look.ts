import { codingsOf } from "../conversion/answer-text.ts";
import type { RawModelCall } from "../conversion/raw-model-call.ts";
import type { WireFormat } from "../wire/wire-format.ts";

/** Looks at an answer's bytes for what is worth reading it at once: no more often wrong than it costs nothing to be. */

/** Not wrong with a no, but for what is written with escapes that nobody needs. */
export function mayAskForTools(format: WireFormat, call: RawModelCall): boolean {
  if (call.status === undefined || call.status >= 400) return false;
  if (codingsOf(call).length === 0) return format.mayAskForTools(call.answer);
  // Who offers none, nor a template of the provider's that may, is asked for none.
  return call.request === undefined || /"(?:tool|prompt)/.test(call.request);
}

/** In an answer that has come whole with a good status. Of a packed one nobody knows: then a retry of it counts as a first try. */
export function mayTellOfError({ answer }: RawModelCall): boolean {
  if (answer.includes('"error"') && ERROR_MEMBER.test(answer)) return true;
  return answer.includes(":exception-type") || answer.includes(":error-code");
}
const ERROR_MEMBER = /"error"\s*:\s*[^\sn]/;
