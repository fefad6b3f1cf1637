import { generateKeyPairSync, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { formatVerifierKey } from "@runledger/contract";
import { ORIGIN } from "../faults/small-collector.ts";
import { BREAKS, type HistoryFacts, simulateHistory } from "./history.ts";

const USAGE = `npm run simulate -- [--seeds N] [--from SEED] [--seed SEED] [--break ${BREAKS.join("|")}]

Runs the journal, the audit sink and the log's writer in a simulated world of two machines with disks and clocks, and an object store behind a network.
--seeds N   so many histories, from --from on (1); stops at the first that goes wrong and prints its seed
--seed S    this history alone
--break W   makes something wrong on purpose, which must be found
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    break: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const broken = BREAKS.find((name) => name === values.break) ?? null;
if (values.help || (values.break !== undefined && broken === null)) {
  process.stdout.write(USAGE);
  process.exit(values.help ? 0 : 4);
}

const files = {
  "log.key": signingKeyFile(),
  "master.key": `runledger-master-key-v1+${randomBytes(32).toString("base64")}\n`,
};
const first = Number(values.seed ?? values.from);
const end = values.seed === undefined ? first + Number(values.seeds) : first + 1;
const sum: HistoryFacts = { steps: 0, acknowledged: 0, crashes: 0, powerLosses: 0, entries: 0 };
for (let at = first; at < end; at++) {
  try {
    const facts = await simulateHistory(at, files, broken);
    for (const [name, value] of Object.entries(facts)) sum[name as keyof HistoryFacts] += value;
  } catch (error) {
    const again = `npm run simulate -- --seed ${at}${broken === null ? "" : ` --break ${broken}`}`;
    process.stdout.write(
      `seed ${at}, after ${at - first + 1} histories: ${error instanceof Error ? error.message : error}\nagain: ${again}\n`,
    );
    process.exit(1);
  }
  if ((at - first + 1) % 1_000 === 0) process.stderr.write(`${at - first + 1} histories\n`);
}
process.stdout.write(`${JSON.stringify({ histories: end - first, from: first, failed: 0, ...sum })}\n`);

/** The form of `loadOrCreateSigningKey`. */
function signingKeyFile(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  const keyId = formatVerifierKey(ORIGIN, privateKey).split("+")[1];
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32);
  return `PRIVATE+KEY+${ORIGIN}+${keyId}+${Buffer.concat([Buffer.of(1), seed]).toString("base64")}\n`;
}
