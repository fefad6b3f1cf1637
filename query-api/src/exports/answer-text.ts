import { z } from "zod";

const part = z.object({
  type: z.string(),
  content: z.unknown().optional(),
  name: z.string().optional(),
  arguments: z.unknown().optional(),
});
const answer = z.array(z.object({ parts: z.array(part) }));

/** What a model's answer (JSON of messages with parts) says, in plain text; the text itself where it is of another shape. */
export function answerText(json: string): string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return json;
  }
  if (typeof value === "string") return value;
  const parsed = answer.safeParse(value);
  if (!parsed.success) return json;
  const said = parsed.data.flatMap(({ parts }) => parts.map(partText));
  return said.filter((text) => text !== "").join("\n");
}

function partText({ type, content, name, arguments: given }: z.infer<typeof part>): string {
  if (type === "tool_call") return ""; // told by the sentence, and by the call itself
  if (typeof content === "string") return content;
  return `(${type}${name === undefined ? "" : ` ${name}`}${given === undefined ? "" : ` ${JSON.stringify(given)}`})`;
}
