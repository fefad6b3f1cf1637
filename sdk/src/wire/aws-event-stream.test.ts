import { EventStreamCodec } from "@smithy/core/event-streams";
import fc from "fast-check";
import { expect, test } from "vitest";
import { awsEvents, awsTranscript } from "./aws-event-stream.ts";
import { bedrockInvoke } from "./bedrock-invoke.ts";

const codec = new EventStreamCodec(
  (bytes) => new TextDecoder().decode(bytes),
  (text) => new TextEncoder().encode(text),
);
const text = (value: string) => ({ type: "string" as const, value });
const frame = (type: string, payload: string, kind = "event") =>
  codec.encode({
    headers: {
      ":message-type": text(kind),
      count: { type: "integer", value: 7 },
      seen: { type: "boolean", value: true },
      raw: { type: "binary", value: new Uint8Array([1, 2]) },
      [kind === "event" ? ":event-type" : ":exception-type"]: text(type),
    },
    body: new TextEncoder().encode(payload),
  });

test("messages of AWS's own encoder are read, whatever headers stand among them", () => {
  const bytes = Buffer.concat([
    frame("a", '{"x":"ü"}'),
    frame("throttlingException", '{"message":"slow"}', "exception"),
  ]);
  expect(awsEvents(bytes)).toEqual([
    { type: "a", kind: "event", payload: '{"x":"ü"}' },
    { type: "throttlingException", kind: "exception", payload: '{"message":"slow"}' },
  ]);
});

test("a stream cut anywhere gives the messages before the cut", () => {
  const [first, second] = [frame("a", "1"), frame("b", "2")];
  const bytes = Buffer.concat([first, second]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const whole = (cut >= first.length ? 1 : 0) + (cut >= bytes.length ? 1 : 0);
    expect(awsEvents(bytes.subarray(0, cut))).toHaveLength(whole);
  }
});

test("any bytes are read without an error and in bounded time", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void awsEvents(bytes)));
  const bytes = Buffer.concat([frame("a", "1"), frame("b", "2")]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
      const broken = Buffer.from(bytes);
      broken[at] = value;
      awsEvents(broken);
    }),
  );
});

test("an Anthropic model's streamed answer comes out of its base64, an exception is its error", () => {
  const event = (data: object) =>
    frame("chunk", JSON.stringify({ bytes: Buffer.from(JSON.stringify(data)).toString("base64") }));
  const bytes = Buffer.concat([
    event({
      type: "message_start",
      message: { id: "msg_1", model: "claude", role: "assistant", usage: { input_tokens: 3 } },
    }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi!" } }),
    frame("modelStreamErrorException", "it broke", "exception"),
  ]);
  const answer = bedrockInvoke.readResponse(awsTranscript(bytes), true);
  expect(answer).toMatchObject({ id: "msg_1", complete: false, error: { type: "modelStreamErrorException" } });
  expect(answer.messages).toEqual([{ role: "assistant", parts: [{ type: "text", content: "Hi!" }] }]);
});
