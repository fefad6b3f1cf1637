import { CASES } from "./agree-cases.ts";
import { knowKey } from "./agree-notes.ts";
import { type AgreeSample, createAgreeSample } from "./agree-sample.ts";
import { type AgreeingVerifiers, type Said, startAgreeingVerifiers } from "./agree-verifiers.ts";
import { createDraw } from "./odd-json.ts";

/** Of what was asked. */
export interface AgreeReport {
  /** By kind, how many had each verdict. */
  agreed: Map<string, Map<string, number>>;
  disagreed: Disagreement[];
}

export interface Disagreement {
  kind: string;
  /** `AGREE_SEED=<seed> AGREE_KIND=<kind>` makes this case alone. */
  seed: number;
  node: Said;
  python: Said;
}

export interface AgreeSettings {
  seed: number;
  /** Of each kind; fewer when time is up. */
  cases: number;
  timeLimitMs: number;
  /** These kinds only. */
  kinds?: readonly string[];
}

const MAX_DISAGREEMENTS = 20;
/** However slow the machine is. */
const MIN_ROUNDS = 8;

/** Asks both verifiers the same, case by case, each case made from its seed alone. */
export async function searchForDisagreement(settings: AgreeSettings): Promise<AgreeReport> {
  const { seed, cases, timeLimitMs, kinds = Object.keys(CASES) } = settings;
  const sample = await createAgreeSample();
  const verifiers = await startAgreeingVerifiers();
  knowKeys(sample);
  const report: AgreeReport = { agreed: new Map(kinds.map((kind) => [kind, new Map()])), disagreed: [] };
  const until = Date.now() + timeLimitMs;
  try {
    for (let round = 0; round < cases && (round < MIN_ROUNDS || Date.now() < until); round++)
      for (const kind of kinds) await askOne(kind, seed + round, { sample, verifiers, report });
  } finally {
    await verifiers.close();
    await sample.remove();
  }
  return report;
}

interface Asking {
  sample: AgreeSample;
  verifiers: AgreeingVerifiers;
  report: AgreeReport;
}

async function askOne(kind: string, seed: number, { sample, verifiers, report }: Asking): Promise<void> {
  const asked = CASES[kind]?.(createDraw(seed), sample, verifiers.know);
  if (asked === undefined || report.disagreed.length === MAX_DISAGREEMENTS) return;
  const { node, python } = await verifiers.ask(asked);
  const isSame =
    node.verdict === python.verdict &&
    node.exitCode === python.exitCode &&
    (node.verdict !== "VERIFIED" || node.notes.join("\n") === python.notes.join("\n"));
  if (!isSame || node.verdict === "FAILED") report.disagreed.push({ kind, seed, node, python });
  else {
    const verdicts = report.agreed.get(kind);
    verdicts?.set(node.verdict, (verdicts.get(node.verdict) ?? 0) + 1);
  }
}

function knowKeys({ logKey, witnesses, twoPolicy }: AgreeSample): void {
  for (const key of [logKey, ...witnesses.map((witness) => witness.key)]) knowKey(key);
  for (const [, key] of twoPolicy.matchAll(/^log (\S+)$/gm)) knowKey(key ?? "");
}

/** `entry 34 VERIFIED, 66 TAMPERED`, a line a kind. */
export function formatReport({ agreed, disagreed }: AgreeReport): string {
  const lines = [...agreed].map(([kind, verdicts]) => {
    const counts = [...verdicts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
    return `${kind.padEnd(10)} ${counts}`;
  });
  const total = [...agreed.values()]
    .flatMap((verdicts) => [...verdicts.values()])
    .reduce((sum, count) => sum + count, 0);
  return `both verifiers alike on ${total} of ${total + disagreed.length} cases\n${lines.join("\n")}\n`;
}
