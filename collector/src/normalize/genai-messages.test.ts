import { expect, it } from "vitest";
import { askedMessages } from "./genai-messages.ts";

const text = (content: string) => ({ type: "text", content });
const system = { role: "system", parts: [text("Be brief."), text("Be kind.")] };
const user = { role: "user", parts: [text("Hi")] };

it("has leading messages of the system for the system prompt, in whatever form they come", () => {
  const expected = { system: JSON.stringify(system.parts), messages: [JSON.stringify(user)] };
  expect(askedMessages([system, user])).toEqual(expected);
  expect(askedMessages(JSON.stringify([system, user], null, 1)).system).toBe(expected.system);
  const provider = [{ role: "system", content: "Be brief." }, { role: "developer", content: "Be kind." }, user];
  expect(askedMessages(JSON.stringify(provider))).toEqual(expected);
});

it("leaves them among the messages where they stand behind others, or say more than their parts", () => {
  for (const list of [
    [user, system],
    [{ ...system, name: "rules" }, user],
    [{ role: "system", parts: "all" }, user],
  ])
    expect(askedMessages(list)).toEqual({ system: null, messages: list.map((message) => JSON.stringify(message)) });
  const exact = '[{"role":"system","parts":[{"type":"data","n":12345678901234567890}]}]';
  expect(askedMessages(exact)).toEqual({ system: null, messages: [exact.slice(1, -1)] });
  expect(askedMessages("Hi").system).toBeNull();
});
