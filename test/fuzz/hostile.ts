import fc from "fast-check";

/** Texts that have broken somebody's code before. */
const TEXTS = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udc00x",
  "x\ud83d",
  "\ufeff{}",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "null",
  "true",
  "NaN",
  "-0",
  "1e999",
  "9007199254740993",
  "-1",
  "[]",
  "{}",
  "[[]]",
  "[",
  '{"',
  '"\\ud800"',
  '[{"role":"user","parts":null}]',
  '[{"role":null,"parts":[null,1,"x",{"type":null},{"type":"tool_call"},{"type":"tool_call","id":1,"name":{}}]}]',
  '[{"role":"assistant","parts":[{"type":"tool_call","id":"a","name":"\\ud800","arguments":{"__proto__":1,"a":1e400}}]}]',
  '[{"role":"tool","parts":[{"type":"tool_call_response","id":"a","response":{"toString":null}}]}]',
  '{"__proto__":{"a":1},"constructor":2,"toString":3,"a":1,"a":2}',
  '{"input":1e400,"output":-5,"input_cached_tokens":"x","total":{}}',
  "{}{}",
  '{"a":1}\n{"a":2}',
  "data: {}\n\ndata: [DONE]\n\n",
  "%00%ff",
  "\u202e\u2028\u2029",
  "💥".repeat(50),
  `${"[".repeat(300)}${"]".repeat(300)}`,
  `${'{"a":'.repeat(300)}1${"}".repeat(300)}`,
  `${'{"parts":['.repeat(200)}${"]}".repeat(200)}`,
];
const LONG_TEXTS = [`${"[".repeat(20_000)}${"]".repeat(20_000)}`, "x".repeat(70_000), "é\ud800".repeat(20_000)];
const CHARACTERS = [...'ab01.-{}[]":,\\ \n\u0000é💥', "\ud800", "\udfff"];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(...TEXTS) },
  { weight: 1, arbitrary: fc.constantFrom(...LONG_TEXTS) },
  { weight: 20, arbitrary: fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 20 }) },
);

/** Values of the shapes that dialects look for, and of others, under the names that they look for. As JSON text. */
export function almostContent(words: readonly string[]): fc.Arbitrary<string> {
  const leaf = fc.oneof(hostileText, fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, 1e300, [], {}));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", maxDepth: 5 },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...words), tie("value"), { maxKeys: 4 }),
    ),
  }));
  return fc
    .oneof(value, fc.array(fc.dictionary(fc.constantFrom(...words), value, { maxKeys: 4 }), { maxLength: 3 }))
    .map((given) => JSON.stringify(given));
}

const INTEGERS = [
  "0",
  "-1",
  "1",
  "9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "18446744073709551615",
  "1e3",
  "0x10",
  "",
  1.5,
  -1,
  2 ** 53,
  1e300,
];
const DOUBLES = ["NaN", "Infinity", "-Infinity", -0, 5e-324, 1.7976931348623157e308, -1.5, 2 ** 60, "1.5", "x"];

const nested = (depth: number, wrap: (inner: object) => object): object => {
  let value: object = { stringValue: "deep" };
  for (let i = 0; i < depth; i += 1) value = wrap(value);
  return value;
};
const inArray = (inner: object) => ({ arrayValue: { values: [inner] } });
const inMap = (inner: object) => ({ kvlistValue: { values: [{ key: "__proto__", value: inner }] } });

/** An OTLP/JSON AnyValue, or what should have been one. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText.map((stringValue) => ({ stringValue })) },
  { weight: 2, arbitrary: fc.constantFrom(...INTEGERS).map((intValue) => ({ intValue })) },
  { weight: 2, arbitrary: fc.constantFrom(...DOUBLES).map((doubleValue) => ({ doubleValue })) },
  { weight: 1, arbitrary: fc.boolean().map((boolValue) => ({ boolValue })) },
  { weight: 1, arbitrary: fc.constantFrom("", "AA==", "////", "no base64!").map((bytesValue) => ({ bytesValue })) },
  {
    weight: 2,
    arbitrary: fc
      .array(
        hostileText.map((stringValue) => ({ stringValue })),
        { maxLength: 3 },
      )
      .map((values) => ({ arrayValue: { values } })),
  },
  {
    weight: 2,
    arbitrary: fc.array(fc.tuple(hostileText, hostileText), { maxLength: 3 }).map((members) => ({
      kvlistValue: { values: members.map(([key, stringValue]) => ({ key, value: { stringValue } })) },
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      null,
      {},
      [],
      "x",
      5,
      { stringValue: null },
      { stringValue: 5 },
      { arrayValue: {} },
      { arrayValue: { values: null } },
      { arrayValue: { values: [null, {}, { stringValue: "x", intValue: 1 }] } },
      { kvlistValue: { values: [{ key: "a" }, { key: "a", value: null }, {}] } },
      nested(20, inArray),
      nested(20, inMap),
      nested(99, inArray),
      nested(101, inMap),
      nested(500, inArray),
    ),
  },
);

/** What stands where a field should be, of whatever type. */
export const hostileField: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  hostileValue,
  fc.constantFrom<unknown>(
    null,
    0,
    -1,
    1e300,
    2 ** 53,
    true,
    [],
    {},
    [null],
    [[]],
    "00".repeat(16),
    "0",
    "f".repeat(16),
  ),
  fc.constantFrom(
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
  ),
);

/** Indexes of flattened lists that nobody should count to. */
export const HOSTILE_INDEXES = [
  "999999999",
  "-1",
  "1e9",
  "",
  "01",
  "4294967295",
  "__proto__",
  "length",
  "0x1",
  "00000000000000000001",
];
