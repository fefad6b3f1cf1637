import { expect, test } from "vitest";
import { createDetectors } from "./detectors.ts";
import { redactContent } from "./json-redactor.ts";
import { loadLibraries } from "./libraries.ts";
import { createContentKey } from "./placeholder.ts";
import { prepareRule, type RedactionRule } from "./rules.ts";
import { redactBody } from "./stream-redactor.ts";
import { createTextRedactor, type Found } from "./text-redactor.ts";

const { placeholder } = createContentKey("a key for tests only");

function redactorOf(rules: RedactionRule[] = [], countries = ["US"]) {
  const redactText = createTextRedactor({
    detectors: createDetectors(loadLibraries(), countries),
    rules: rules.map((rule) => prepareRule(rule, placeholder)),
    placeholder,
  });
  const parts = { redactText, placeholder };
  const within = (redact: typeof redactBody) => (text: string) => {
    const found: Found = {};
    const redaction = { attribute: "a", found, deadline: performance.now() + 60_000 };
    return { text: redact(text, redaction, parts), found };
  };
  return { content: within(redactContent), body: within(redactBody) };
}
const { content, body } = redactorOf();

/** Letters that a placeholder has in place of what is not to be told. */
const shape = (text: string) => text.replaceAll(/:[a-p]{10}\]/g, "]");

test.each([
  ["write to ann.lee+x@mail.example.co.uk now", "write to [email] now"],
  ["ZOË@EXÄMPLE.DE", "[email]"],
  ["https://x.example/?u=ann%40example.com&b=1", "https://x.example/?u=[email]&b=1"],
  ["call +49 30 901820 or (415) 555-2671.", "call [phone] or [phone]."],
  ["card 4111 1111 1111 1111, exp 12/29", "card [card], exp 12/29"],
  ["5500-0000-0000-0004", "[card]"],
  ["pay DE89 3704 0044 0532 0130 00 THANKS", "pay [iban] THANKS"],
  ["GB82WEST12345698765432", "[iban]"],
  ["SSN 536-90-4399.", "SSN [national_id]."],
  ["NINO AB 12 34 56 C", "NINO [national_id]"],
  ["NIR 1 84 12 76 451 089 46", "NIR [national_id]"],
  ["Steuer-ID 65929970489", "Steuer-ID [national_id]"],
  ["DNI 12345678Z", "DNI [national_id]"],
  ["AKIAIOSFODNN7EXAMPLE", "[key]"],
  [`gh: ghp_${"a1B2".repeat(9)}`, "gh: [key]"],
  ["sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345", "[key]"],
  ["sk-proj-abcdefghijklmnopqrstuvwxyz012345", "[key]"],
  ["Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer [key]"],
  ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123456", "[key]"],
  ["-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", "[key]"],
  ["postgres://app:hunter22@db.example/x", "postgres://app:[key]@db.example/x"],
  ["password=correct-horse", "password=[key]"],
])("%s", (text, expected) => {
  expect(shape(content(text).text)).toBe(expected);
});

test.each([
  "4111 1111 1111 1112",
  "DE89 3704 0044 0532 0130 01",
  "order 1234567890, 2026-11-29T18:20:07.123Z, version 1.14.7",
  "536-00-4399",
  "sha256 039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81",
  "runledger://artifact/039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81",
  "call_9f8e7d6c5b4a3210, chatcmpl-123, max_tokens: 100000",
  '{"price": 12.5, "id": 1234567890123, "when": 1764440407123}',
])("%s has nothing in it", (text) => {
  expect(content(text)).toEqual({ text, found: {} });
});

test.each([0, 1, 3, 11, 12, 13, 47, 48, 200])("a phone number is found whole with %i words around it", (around) => {
  const far = "o ".repeat(around);
  const numbers = [
    "+49 30 901820",
    "(415) 555-2671",
    "tel:+442083661177;ext=456",
    "[+1] 415 555 2671",
    "011 44 20 8366 1177",
  ];
  const redacted = numbers.map((number) => shape(content(number).text));
  expect(redacted.every((text) => text.includes("[phone]"))).toBe(true);
  const inText = (found: readonly string[]) => found.map((number) => `${far}7 o: ${number}`).join(`!\n${far}`) + far;
  expect(shape(content(inText(numbers)).text)).toBe(inText(redacted));
});

test("the same has the same placeholder, under another key another, and what replaces it is found by nothing", () => {
  const { text } = content("ann@example.com, bob@example.com, ann@example.com");
  const [first, second, third] = text.split(", ");
  expect(first).toBe(third);
  expect(first).not.toBe(second);
  expect(createContentKey("another key of tests").placeholder("email", "ann@example.com")).not.toBe(first);
  expect(content(text)).toEqual({ text, found: {} });
});

test("no escape of JSON hides anything, nor JSON within JSON, numbers, names of members, or names that say it is secret", () => {
  const inner = JSON.stringify({ to: "ann@example.com" }).replace("@", "\\u0040");
  const text = JSON.stringify({ args: inner, card: 4111111111111111, "bob@example.com": 1, apiKey: "x1", long: 0 });
  const result = content(text.replace('"long":0', '"long":41111111111111111234567'));
  const parsed = JSON.parse(result.text);
  expect(shape(JSON.parse(parsed.args).to)).toBe("[email]");
  expect(shape(parsed.card)).toBe("[card]");
  expect(shape(Object.keys(parsed)[2] ?? "")).toBe("[email]");
  expect(shape(parsed.apiKey)).toBe("[key]");
  expect(result.text).toContain('"long":41111111111111111234567');
  expect(result.found).toEqual({ email: 2, card: 1, key: 1 });
});

test("JSON in which nothing is found stays to the byte", () => {
  const text = '{ "b" : 1.0,\n "a":"\\u00e9", "n": 12345678901234567890123 }';
  expect(content(text).text).toBe(text);
});

test("what only looks different is found: full-width forms, digits of other scripts, characters without width", () => {
  expect(shape(content("ann\u200B@exa\u00ADmple.com").text)).toBe("[email]");
  expect(shape(content("ａｎｎ＠ｅｘａｍｐｌｅ.com").text)).toBe("[email]");
  expect(shape(content("٤١١١ ١١١١ ١١١١ ١١١١").text)).toBe("[card]");
});

const delta = (text: string, index = 0) =>
  `data: {"choices":[{"index":${index},"delta":{"content":${JSON.stringify(text)}}}]}`;

test("what a stream brings in pieces is found in the whole that they make", () => {
  const stream = [delta("write to an"), delta("other", 1), delta("n@exam"), delta("ple.com!"), "data: [DONE]", ""].join(
    "\n\n",
  );
  const { text, found } = body(stream);
  expect(shape(text)).toBe(
    [delta("write to [email]!"), delta("other", 1), delta(""), delta(""), "data: [DONE]", ""].join("\n\n"),
  );
  expect(found).toEqual({ email: 1 });
});

test("arguments that a model writes piece by piece are looked through as the JSON they become", () => {
  const events = ['{"to":"ann\\u0', "040exam", 'ple.com"}'].map(
    (partial_json) =>
      `data: ${JSON.stringify({ type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json } })}`,
  );
  const { text } = body(events.join("\n\n"));
  expect(text).not.toContain("exam");
  expect(shape(text)).toContain('{\\"to\\":\\"[email]\\"}');
});

test("a stream with nothing in it stays to the byte, and lines that are no JSON are looked through too", () => {
  const stream = `event: x\r\n${delta("hello ")}\r\n\r\n${delta("world")}\r\n`;
  expect(body(stream).text).toBe(stream);
  expect(shape(body(`${stream}: ann@example.com`).text)).toBe(`${stream}: [email]`);
});

test("own rules by path, by pattern and by function", () => {
  const rules: RedactionRule[] = [
    { name: "diagnosis", path: "**.diagnosis" },
    { name: "diagnosis", path: "pin" },
    { name: "customer", match: /C-\d{4}/ },
    { name: "shout", path: "note.*", redact: (text) => text.replace("loud", "quiet") },
  ];
  const result = redactorOf(rules).content(
    JSON.stringify({
      a: [{ diagnosis: "flu" }],
      who: "C-1234 and C-1234",
      note: { x: "loud", y: { z: "loud" } },
      pin: 12,
    }),
  );
  expect(JSON.parse(shape(result.text))).toEqual({
    a: [{ diagnosis: "[diagnosis]" }],
    who: "[customer] and [customer]",
    note: { x: "quiet", y: { z: "quiet" } },
    pin: "[diagnosis]",
  });
  expect(result.found).toEqual({ diagnosis: 2, customer: 1, shout: 2 });
});

test("a rule that throws, or gives no text, lets nothing through", () => {
  for (const redact of [
    () => 1 as unknown as string,
    () => {
      throw new Error("no");
    },
  ]) {
    expect(() => redactorOf([{ name: "broken", redact }]).content("anything at all")).toThrow("broken failed");
  }
});
