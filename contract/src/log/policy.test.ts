import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { policyLogs } from "./policy.ts";
import { formatVerifierKey } from "./signed-note.ts";

const key = formatVerifierKey("log.example/0", generateKeyPairSync("ed25519").publicKey);
const other = formatVerifierKey("log.example/1", generateKeyPairSync("ed25519").publicKey);

test("a policy without witnesses trusts the logs it names", () => {
  const policy = `# comment\n\n \tlog  ${key}\thttps://log.example/ \nlog ${other}\nwitness w ${key}\ngroup g any w\nquorum none\n`;
  expect(policyLogs(policy)).toEqual([key, other]);
});

test.each([
  ["a quorum of witnesses", `log ${key}\nwitness w ${key}\nquorum w\n`, "quorum w"],
  ["no quorum", `log ${key}\n`, "exactly one"],
  ["two quorums", `log ${key}\nquorum none\nquorum none\n`, "exactly one"],
  ["no log", "quorum none\n", "no line"],
  ["an unknown line", `log ${key}\nthreshold 2\nquorum none\n`, "line 2"],
  ["a damaged key", `log ${key.replace("log.example", "log.examplf")}\nquorum none\n`, "line 1"],
  ["too many words", `log ${key} u v\nquorum none\n`, "line 1"],
])("%s is refused", (_what, policy, message) => {
  expect(() => policyLogs(policy)).toThrow(message);
});
