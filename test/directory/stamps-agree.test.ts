import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BothStampChecks, startBothStampChecks } from "./both-stamp-checks.ts";
import { type Authority, createAuthority, stampQuery } from "./fake-authority.ts";
import { elementAt, parseElements, signedAnew, writeElements } from "./stamp-parts.ts";
import { ECDSA, RSA, searchStamps } from "./stamps-agree.ts";

let dir: string;
let checks: BothStampChecks;
let authority: Authority;
const stamped = Buffer.from("a head\n");

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "runledger-stamps-"));
  checks = startBothStampChecks();
  authority = createAuthority(dir, "tsa", ECDSA);
});
afterAll(async () => {
  await checks.close();
  rmSync(dir, { recursive: true });
});

/** What both say of them. */
async function times(tokens: Buffer[], cert = authority.cert): Promise<(string | null)[]> {
  const said = await checks.ask(cert, stamped, tokens);
  expect(said.map(({ python }) => python)).toEqual(said.map(({ node }) => node));
  return said.map(({ node }) => node);
}

const reply = (settings: Record<string, string> = {}) => authority.reply(stampQuery(stamped), settings);
const HOLDS = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test("of one signer by any digest that is strong enough, with a chain of certificates or a hash of SHA-1 in the signing-certificate attribute, both take stamps", async () => {
  const other = createAuthority(dir, "other", RSA);
  const chain = { certs: other.cert, ess_cert_id_chain: "yes" };
  const strong = [{}, chain, { ...chain, ess_cert_id_alg: "sha1" }, { ess_cert_id_alg: "sha512" }, { ordering: "yes" }];
  const digests = [{ signer_digest: "sha384" }, { signer_digest: "sha512" }];
  for (const time of await times([...strong, ...digests].map(reply))) expect(time).toMatch(HOLDS);
  for (const digest of ["sha384", "sha512"] as const)
    expect(await times([authority.reply(stampQuery(stamped, { digest }), { digests: digest })])).toEqual([
      expect.stringMatching(HOLDS),
    ]);
  const weak = [{ signer_digest: "sha1" }, { signer_digest: "sha224" }, { ess_cert_id_alg: "sha224" }].map(reply);
  for (const digest of ["sha1", "sha224"] as const)
    weak.push(authority.reply(stampQuery(stamped, { digest }), { digests: digest }));
  weak.push(authority.reply(stampQuery(Buffer.from("else"))), other.reply(stampQuery(stamped)));
  expect(await times(weak)).toEqual(weak.map(() => null));
});

test("of two certificates of one key, and by Ed25519, only what the named one can have signed counts", async () => {
  const twin = createAuthority(dir, "twin", ["-key", authority.key]);
  const ownStamps = [{}, { ess_cert_id_alg: "sha1" }];
  for (const [cert, holds] of [
    [authority.cert, true],
    [twin.cert, false],
  ] as const)
    for (const time of await times(ownStamps.map(reply), cert)) expect(time !== null).toBe(holds);
  const edwards = createAuthority(dir, "ed", ["-newkey", "ed25519"]);
  expect(await times([reply()], edwards.cert)).toEqual(["UNREADABLE"]);
});

test("the time is told to the millisecond, with whatever fraction it is written; what is no time does not hold", async () => {
  const [none, ...exact] = await times(["0", "1", "3", "6"].map((digits) => reply({ clock_precision_digits: digits })));
  expect(none).toMatch(/\.000Z$/);
  for (const time of exact) expect(time).toMatch(HOLDS);
  const key = createPrivateKey(readFileSync(authority.key));
  const written = (time: string): Buffer =>
    signedAnew(reply(), key, {
      info: (info) => {
        const all = parseElements(info);
        elementAt(all, [0, 4]).content = Buffer.from(time, "latin1");
        return writeElements(all);
      },
    });
  const year = new Date().getUTCFullYear();
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  const iso = new Date().toISOString().slice(0, 10);
  // The certificate is of today: a second before midnight it is valid, whenever today it was made.
  const taken = ["", ".5", ".50", ".000", ".123456789", ".9999", `.001${"0".repeat(40)}`];
  const ms = ["000", "500", "500", "000", "123", "999", "001"];
  expect(await times(taken.map((fraction) => written(`${day}235958${fraction}Z`)))).toEqual(
    ms.map((each) => `${iso}T23:59:58.${each}Z`),
  );
  const refused = [
    ...[`${day}235958`, `${day}235958.Z`, `${day}235958,5Z`, `${day}235958+0000`, `${day}2359Z`, `${day}235958Z\n`],
    ...[`${day}235960Z`, `${day}240000Z`, `${day}236058Z`, `${year + 1}0230000000Z`, `${day}235958z`, ` ${day}235958Z`],
    ...[
      `${day}23595\u00b2Z`,
      `${day}23595\u00b8Z`,
      `${day}235958.\u00b9Z`,
      "",
      "Z",
      "00000101000000Z",
      `${year + 20}0101000000Z`,
    ],
  ];
  expect(await times(refused.map(written))).toEqual(refused.map(() => null));
});

test("both take and refuse the same, whatever is changed in a stamp, by its authority too", async () => {
  const report = await searchStamps(20_261_130, 1200);
  process.stdout.write(`stamps: both alike on ${report.asked} changed ones, ${report.held} of them hold\n`);
  expect(report.disagreed).toEqual([]);
  expect(report.held).toBeGreaterThan(50);
}, 120_000);

test("honest stamps hold, whatever their texts and numbers begin with", async () => {
  const texts = Array.from({ length: 12 }, (_, i) => Buffer.from(`head ${i}\n`));
  // Also what begins like a length or a constructed element, as negative INTEGERs.
  for (const [i, text] of texts.entries()) {
    const prefix = Buffer.from(["80", "fe", "30", "0081"][i % 4] ?? "", "hex");
    const nonce = Buffer.concat([prefix, randomBytes(i)]);
    const [said] = await checks.ask(authority.cert, text, [authority.reply(stampQuery(text, { nonce }))]);
    expect(said?.node).toMatch(HOLDS);
    expect(said?.python).toBe(said?.node);
  }
});
