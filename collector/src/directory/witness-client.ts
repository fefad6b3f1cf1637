import {
  type Cosigner,
  cosignersOf,
  type Hash,
  LogError,
  type PolicyWitness,
  unverifiedCheckpoint,
} from "@runledger/contract";

/** What a witness made of a checkpoint: its signature lines, or why there are none. */
export type WitnessAnswer = { lines: string; time: number } | { refusal: string };

export interface WitnessClient {
  /** Asks for a cosignature of the signed checkpoint. Never rejects for what the witness does. */
  cosign(note: Uint8Array, prove: (oldSize: number, size: number) => Promise<Hash[]>): Promise<WitnessAnswer>;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** It tells its size once; then others may ask at the same time. */
const MAX_ATTEMPTS = 4;

/** Talks https://c2sp.org/tlog-witness to one witness, and remembers how far it has seen the log. */
export function createWitnessClient(
  { name, cosigner, url }: PolicyWitness,
  timeoutMs: number = TIMEOUT_MS,
): WitnessClient {
  let oldSize = 0;
  const refusal = (what: string): WitnessAnswer => ({ refusal: `witness ${name}: ${what}` });

  return {
    cosign: async (note, prove) => {
      if (url === null) return refusal("the policy has no URL for it");
      const { size, origin } = unverifiedCheckpoint(note);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const body = requestOf(note, oldSize, oldSize === 0 ? [] : await prove(oldSize, size));
        const answer = await post(`${url}/add-checkpoint`, body, timeoutMs);
        if ("failure" in answer) return refusal(answer.failure);
        if (answer.status === 200) {
          const accepted = cosignatureIn(note, answer.text, cosigner);
          if ("time" in accepted) oldSize = size;
          return "time" in accepted ? accepted : refusal(accepted.refusal);
        }
        if (answer.status !== 409) return refusal(WORDS[answer.status]?.(origin) ?? `it answered ${answer.status}`);
        const seen = sizeIn(answer.text);
        if (seen === null) return refusal("it answered 409 without a size");
        if (seen > size)
          return refusal(
            `it has seen ${seen} entries of ${origin}, which has ${size} here: another keeper was faster, or the log was set back`,
          );
        oldSize = seen;
      }
      return refusal("others ask it all the time; it is asked again with the next head");
    },
  };
}

const WORDS: Record<number, (origin: string) => string> = {
  400: () => "it can't read the request",
  403: (origin) => `it knows ${origin} by another key: give it the verifier key that \`runledger policy\` prints`,
  404: (origin) => `it does not know ${origin}: give it the verifier key that \`runledger policy\` prints`,
  422: (origin) =>
    `it says that ${origin} does not extend what it has seen of it. Run \`runledger verify\`: the log may have been changed`,
};

/** https://c2sp.org/tlog-witness, "add-checkpoint". */
function requestOf(note: Uint8Array, oldSize: number, proof: readonly Hash[]): Buffer {
  const lines = [`old ${oldSize}`, ...proof.map((hash) => Buffer.from(hash).toString("base64"))];
  return Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), note]);
}

/** Only the witness's own lines are taken out of an answer, and only when they hold. */
function cosignatureIn(
  note: Uint8Array,
  answer: string,
  cosigner: Cosigner,
): { lines: string; time: number } | { refusal: string } {
  const lines = answer.split("\n").filter((line) => line.startsWith(`\u2014 ${cosigner.name} `));
  try {
    for (const line of lines) {
      const time = cosignersOf(Buffer.concat([note, Buffer.from(`${line}\n`)]), [cosigner]).get(cosigner);
      if (time !== undefined) return { lines: `${line}\n`, time };
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { refusal: error.message };
  }
  return { refusal: "its answer has no cosignature of the key that the policy names" };
}

function sizeIn(text: string): number | null {
  const size = /^(0|[1-9]\d{0,15})\n$/.exec(text)?.[1];
  return size === undefined || !Number.isSafeInteger(Number(size)) ? null : Number(size);
}

async function post(
  url: string,
  body: Buffer,
  timeoutMs: number,
): Promise<{ status: number; text: string } | { failure: string }> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: "POST", body: new Uint8Array(body), signal, redirect: "error" });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) return { failure: "its answer is too large" };
      chunks.push(chunk);
    }
    return { status: response.status, text: Buffer.concat(chunks).toString() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { failure: `no answer: ${cause instanceof Error ? cause.message : String(cause)}` };
  }
}
