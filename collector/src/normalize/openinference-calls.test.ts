import { describe, expect, it } from "vitest";
import { argumentsOf, mergedCalls } from "./openinference-calls.ts";

const OFFERED = ["get_weather", "get_weather_alert", "get"];
const merged = (id: string, name: string, given: string, offered = OFFERED) =>
  mergedCalls({ type: "tool_call", id, name, arguments: given }, offered);

describe("calls that were written into one", () => {
  it("are told apart by their objects, ids of one length and the offered names", () => {
    expect(merged("call_1call_2", "get_weatherget_weather", '{"city":"{Paris"}{"city":"Ro\\"me}"}')).toEqual([
      { type: "tool_call", id: "call_1", name: "get_weather", arguments: { city: "{Paris" } },
      { type: "tool_call", id: "call_2", name: "get_weather", arguments: { city: 'Ro"me}' } },
    ]);
  });

  it.each([
    ["one call", "call_1", "get_weather", '{"a":1}'],
    ["ids of different lengths", "call_1call_22", "getget", "{}{}"],
    ["ids that begin differently", "call_1toolu2", "getget", "{}{}"],
    ["the same id twice", "call_1call_1", "getget", "{}{}"],
    ["a name that no tool has", "call_1call_2", "get_weatherset_weather", "{}{}"],
    ["names that can be cut in two ways", "call_1call_2", "aab", "{}{}", ["a", "aa", "ab", "b"]],
    ["words between the objects", "call_1call_2", "getget", "{} and {}"],
    ["objects that don't end", "call_1call_2", "getget", '{}{"a":'],
  ] as const)("stay as they were sent: %s", (_why, id, name, given, offered?: readonly string[]) => {
    expect(merged(id, name, given, offered === undefined ? OFFERED : [...offered])).toBeNull();
  });
});

it("leaves arguments as text that are no JSON, or would lose digits", () => {
  expect(argumentsOf('{"a":1}')).toEqual({ a: 1 });
  expect(argumentsOf("{a}")).toBe("{a}");
  expect(argumentsOf('{"id":12345678901234567890}')).toBe('{"id":12345678901234567890}');
});
