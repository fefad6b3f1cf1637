import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  COSIGNATURE_V1,
  createCosigner,
  formatVerifierKey,
  LogError,
  openCheckpoint,
  parseVerifierKey,
  signNote,
  unverifiedCheckpoint,
  verifyConsistency,
} from "@runledger/contract";

export interface FakeWitness {
  name: string;
  /** Of type 0x04. */
  verifierKey: string;
  url: string;
  /** Statuses that were answered. */
  answers: number[];
  /** Instead of what the specification asks for; null: as it does. */
  misbehave: ((proper: { status: number; body: string }) => { status: number; body: string } | "hang") | null;
  close(): Promise<void>;
}

/** A witness to the letter of https://c2sp.org/tlog-witness, in memory. It knows the logs of `logKeys`. */
export async function startFakeWitness(name: string, logKeys: readonly string[]): Promise<FakeWitness> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const cosigner = createCosigner(name, privateKey, () => Math.floor(Date.now() / 1000));
  const seen = new Map<string, { size: number; root: Uint8Array }>();

  const addCheckpoint = (body: string): { status: number; body: string } => {
    const split = body.indexOf("\n\n");
    const [old = "", ...proofLines] = body.slice(0, split).split("\n");
    const note = Buffer.from(body.slice(split + 2));
    const oldSize = Number(/^old (0|[1-9]\d*)$/.exec(old)?.[1] ?? Number.NaN);
    if (split < 0 || !Number.isSafeInteger(oldSize) || proofLines.length > 63) return { status: 400, body: "" };
    const { origin, size, root } = unverifiedCheckpoint(note);
    const keys = logKeys.map(parseVerifierKey).filter((key) => key.name === origin);
    if (keys.length === 0) return { status: 404, body: "" };
    try {
      openCheckpoint(note, keys);
    } catch (error) {
      if (error instanceof LogError) return { status: 403, body: "" };
      throw error;
    }
    if (oldSize > size) return { status: 400, body: "" };
    const last = seen.get(origin) ?? { size: 0, root: new Uint8Array() };
    if (last.size !== oldSize) return { status: 409, body: `${last.size}\n` };
    const proof = proofLines.map((line) => Buffer.from(line, "base64"));
    const holds = oldSize === 0 ? proof.length === 0 : verifyConsistency(oldSize, size, last.root, root, proof);
    if (!holds) return { status: 422, body: "" };
    seen.set(origin, { size, root });
    const text = note.toString().slice(0, note.toString().indexOf("\n\n") + 1);
    const cosigned = Buffer.from(signNote(text, [cosigner])).toString();
    return { status: 200, body: cosigned.slice(cosigned.indexOf("\n\n") + 2) };
  };

  const witness: FakeWitness = {
    name,
    verifierKey: formatVerifierKey(name, privateKey, COSIGNATURE_V1),
    url: "",
    answers: [],
    misbehave: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const isCall = request.method === "POST" && request.url === "/submit/add-checkpoint";
      const proper = isCall ? addCheckpoint(Buffer.concat(chunks).toString()) : { status: 405, body: "" };
      const answer = witness.misbehave === null ? proper : witness.misbehave(proper);
      if (answer === "hang") return;
      witness.answers.push(answer.status);
      const type = answer.status === 409 ? "text/x.tlog.size" : "text/plain";
      response.writeHead(answer.status, { "content-type": type }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  witness.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/submit`;
  return witness;
}
