import { anthropicMessages } from "./anthropic-messages.ts";
import { jsonOrUndefined } from "./server-sent-events.ts";
import type { WireFormat } from "./wire-format.ts";

const PATH = /\/model\/([^/]+)\/(invoke|invoke-with-response-stream)$/;

/**
 * Anthropic's models by Bedrock's InvokeModel: their own messages, the model in the path, a stream's events in base64. Bodies of other
 * models' own are not read. Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 */
export const bedrockInvoke: WireFormat = {
  provider: "aws.bedrock",
  pathIsCommon: true,
  matches: (url) => PATH.test(url.pathname),
  readRequest(body, url) {
    const request = anthropicMessages.readRequest(body, url);
    const [, model = "", method] = PATH.exec(url.pathname) ?? [];
    return { ...request, model: decodeURIComponent(model), stream: method === "invoke-with-response-stream" };
  },
  // A stream has them in base64.
  mayAskForTools: () => true,
  readResponse: (body, stream) => anthropicMessages.readResponse(stream ? serverSentEvents(body) : body, stream),
};

/** @param transcript as `awsTranscript` makes it; each payload is `{"bytes": base64 of an event}`. */
function serverSentEvents(transcript: string): string {
  return transcript
    .split("\n")
    .flatMap((line) => {
      const event = jsonOrUndefined(line) as { type?: unknown; kind?: unknown; payload?: unknown } | null | undefined;
      if (typeof event?.payload !== "string") return [];
      if (event.kind !== "event") {
        return [`data: ${JSON.stringify({ type: "error", error: { type: event.type, message: event.payload } })}\n\n`];
      }
      const { bytes } = (jsonOrUndefined(event.payload) ?? {}) as { bytes?: unknown };
      return typeof bytes === "string" ? [`data: ${Buffer.from(bytes, "base64").toString("utf8")}\n\n`] : [];
    })
    .join("");
}
