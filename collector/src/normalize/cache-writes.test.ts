import { expect, it } from "vitest";
import { hourlyCacheWrites } from "./cache-writes.ts";

const said = (raw_response: string, cache_write_tokens: number | null = 100) =>
  hourlyCacheWrites({ cache_write_tokens }, { raw_response }).cache_write_1h_tokens;

it("reads the writes for an hour out of Anthropic's body, streamed or in a piece, however long", () => {
  const usage = '"usage":{"cache_creation":{"ephemeral_5m_input_tokens":40,"ephemeral_1h_input_tokens": 60}}';
  expect(said(`{"content":[],${usage}}`)).toBe(60);
  expect(said(`{"content":"${"x".repeat(100_000)}",${usage}}`)).toBe(60);
  expect(said(`event: message_start\ndata: {${usage}}\n\n${"event: ping\n".repeat(10_000)}`)).toBe(60);
});

it("believes nothing that the model itself wrote, and nothing that can't be", () => {
  expect(said(JSON.stringify({ content: '"ephemeral_1h_input_tokens": 60' }))).toBeUndefined();
  expect(said('{"ephemeral_1h_input_tokens":101}')).toBeUndefined();
  expect(said('{"ephemeral_1h_input_tokens":60}', null)).toBeUndefined();
  expect(said('{"ephemeral_1h_input_tokens":-1}')).toBeUndefined();
});
