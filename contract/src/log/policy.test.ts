import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { isQuorum, parsePolicy, policyLogs, quorumTimes } from "./policy.ts";
import { COSIGNATURE_V1, formatVerifierKey } from "./signed-note.ts";

const key = formatVerifierKey("log.example/0", generateKeyPairSync("ed25519").publicKey);
const other = formatVerifierKey("log.example/1", generateKeyPairSync("ed25519").publicKey);
const witness = (name: string): string =>
  formatVerifierKey(`${name}.example`, generateKeyPairSync("ed25519").publicKey, COSIGNATURE_V1);
const [a, b, c, d] = ["a", "b", "c", "d"].map(witness);

test("a policy without witnesses trusts the logs it names", () => {
  const policy = `# comment\n\n \tlog  ${key}\thttps://log.example/ \nlog ${other}\nwitness w ${a}\ngroup g any w\nquorum none\n`;
  expect(policyLogs(policy)).toEqual([key, other]);
  expect(isQuorum(parsePolicy(policy).quorum, () => false)).toBe(true);
});

test("a quorum of nested groups holds for exactly the sets of witnesses that its rules say", () => {
  const { quorum, witnesses } = parsePolicy(
    `log ${key}\nwitness a ${a}\nwitness b ${b} https://b.example/x/\nwitness c ${c}\nwitness d ${d}\n` +
      "group two 2 a b c\ngroup both all two d\nquorum both\n",
  );
  expect(witnesses.map(({ url }) => url)).toEqual([null, "https://b.example/x", null, null]);
  for (let set = 0; set < 16; set++) {
    const names = ["a", "b", "c", "d"].filter((_, i) => (set >> i) % 2 === 1);
    const expected = names.includes("d") && names.filter((name) => name !== "d").length >= 2;
    expect([names, isQuorum(quorum, ({ name }) => names.includes(name))]).toEqual([names, expected]);
  }
  const single = parsePolicy(`witness a ${a}\nwitness b ${b}\ngroup g any a b\nquorum b\n`).quorum;
  expect(isQuorum(single, ({ name }) => name === "a")).toBe(false);
  expect(isQuorum(single, ({ name }) => name === "b")).toBe(true);
});

test("the times of a quorum are the least until which, and the greatest since which, enough have cosigned", () => {
  const { quorum, witnesses } = parsePolicy(
    `witness a ${a}\nwitness b ${b}\nwitness c ${c}\nwitness d ${d}\ngroup two 2 a b c\ngroup both all two d\nquorum both\n`,
  );
  if (quorum === null) throw new Error("no quorum");
  const choices = [null, 1, 2, 3];
  for (let n = 0; n < 256; n++) {
    const given = witnesses.map((_, i) => choices[(n >> (2 * i)) % 4] ?? null);
    const times = new Map(witnesses.flatMap(({ cosigner }, i) => (given[i] ? [[cosigner, given[i]] as const] : [])));
    const are = (fits: (time: number) => boolean): boolean =>
      isQuorum(quorum, ({ cosigner }) => times.has(cosigner) && fits(times.get(cosigner) ?? 0));
    const reached = [1, 2, 3].find((t) => are((time) => time <= t));
    const newest = [3, 2, 1].find((t) => are((time) => time >= t));
    expect([given, quorumTimes(quorum, times)]).toEqual([given, reached === undefined ? null : { reached, newest }]);
  }
});

test("groups nest a hundred deep", () => {
  const { quorum, witnesses } = parsePolicy(`witness g0 ${a}\n${nested(100)}quorum g100\n`);
  if (quorum === null) throw new Error("no quorum");
  expect(isQuorum(quorum, () => true)).toBe(true);
  expect(quorumTimes(quorum, new Map(witnesses.map(({ cosigner }) => [cosigner, 7])))).toEqual({
    reached: 7,
    newest: 7,
  });
});

test("a key whose base64 has a plus in it, and what looks like another type behind it, is a key", () => {
  const plus = "w3.example+d8e9eca5+BK5HvzoESh/FMAdW+BuPxB/Po84GrDpkWpY35PCu4KtX";
  expect(parsePolicy(`witness w ${plus}\nquorum w\n`).witnesses).toHaveLength(1);
});

test("who can't look at cosignatures refuses a policy that asks for them", () => {
  expect(() => policyLogs(`log ${key}\nwitness w ${a}\nquorum w\n`)).toThrow("quorum w");
  expect(() => policyLogs("quorum none\n")).toThrow("no line");
});

test.each([
  ["no quorum", `log ${key}\n`, "exactly one"],
  ["two quorums", `log ${key}\nquorum none\nquorum none\n`, "exactly one"],
  ["an unknown line", `log ${key}\nthreshold 2\nquorum none\n`, "line 2"],
  ["a member of every object", `log ${key}\nconstructor 2\nquorum none\n`, "line 2"],
  ["a damaged key", `log ${key.replace("log.example", "log.examplf")}\nquorum none\n`, "line 1"],
  ["too many words", `log ${key} u v\nquorum none\n`, "line 1"],
  ["a log twice", `log ${key}\nlog ${key}\nquorum none\n`, "line 2"],
  ["a log's key as a witness", `witness w ${key}\nquorum w\n`, "0x04"],
  ["a witness as a log", `log ${a}\nquorum none\n`, "line 1"],
  ["a witness twice", `witness v ${a}\nwitness w ${a}\nquorum w\n`, "line 2"],
  ["a name twice", `witness w ${a}\nwitness w ${b}\nquorum w\n`, "taken"],
  ["the name none", `witness none ${a}\nquorum none\n`, "taken"],
  ["a group of names to come", `group g any w\nwitness w ${a}\nquorum g\n`, "line 1"],
  ["a group of itself", `group g any g\nquorum g\n`, "line 1"],
  ["a member twice", `witness w ${a}\ngroup g any w w\nquorum g\n`, "member already"],
  ["a member of two groups", `witness w ${a}\ngroup g any w\ngroup h any w\nquorum g\n`, "member already"],
  ["none as a member", "group g any none\nquorum g\n", "not defined"],
  ["an empty group", `group g any\nquorum none\n`, "line 1"],
  ["a threshold of 0", `witness w ${a}\ngroup g 0 w\nquorum g\n`, "line 2"],
  ["a threshold above its members", `witness w ${a}\ngroup g 2 w\nquorum g\n`, "line 2"],
  ["a threshold that is no decimal", `witness w ${a}\ngroup g 0x1 w\nquorum g\n`, "line 2"],
  ["a threshold of another kind", `witness w ${a}\ngroup g constructor w\nquorum g\n`, "line 2"],
  ["a quorum of nobody", `quorum w\n`, "line 1"],
  [
    "groups 101 deep",
    `witness g0 ${a}\n${nested(101)}quorum g101\n`,
    "line 102 of the policy is none of a tlog-policy: groups nest 100 deep",
  ],
  ["a control character", `log ${key}\r\nquorum none\n`, "control character"],
])("%s is refused", (_what, policy, message) => {
  expect(() => parsePolicy(policy)).toThrow(message);
});

function nested(depth: number): string {
  return Array.from({ length: depth }, (_, i) => `group g${i + 1} all g${i}\n`).join("");
}
