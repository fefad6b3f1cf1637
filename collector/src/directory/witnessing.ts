import {
  anchorPath,
  CHECKPOINT_PATH,
  consistencyProof,
  isQuorum,
  latestCosignedPath,
  logPrefix,
  openCheckpoint,
  type PolicyWitness,
  parseVerifierKey,
  type ReadObject,
  type TrustPolicy,
} from "@runledger/contract";
import { type Objects, StorageError } from "@runledger/storage";
import { createWitnessClient, type WitnessAnswer } from "./witness-client.ts";

/** Gets one log's heads cosigned. */
export interface Witnessing {
  /** Asks the witnesses for the head, if it is not under a quorum yet. @returns what is in the way, in words; [] when a quorum has signed. */
  round(): Promise<string[]>;
  /** Size of the newest head under a quorum; 0: none that this process got. */
  readonly cosignedSize: number;
}

/** All witnesses of the policy are asked at once; a head is kept when its quorum has signed it. An unreachable witness holds up nobody else. */
export function createWitnessing(
  objects: Objects,
  { log, verifierKey, policy }: { log: string; verifierKey: string; policy: TrustPolicy },
): Witnessing {
  const read: ReadObject = (path) => objects.read(logPrefix(log) + path);
  const clients = policy.witnesses.map((witness) => ({ witness, client: createWitnessClient(witness) }));
  const verifiers = [parseVerifierKey(verifierKey)];
  let cosignedSize = 0;

  const keep = async (note: Uint8Array, size: number): Promise<void> => {
    await objects.create(anchorPath(log, size, "cosigned"), note).catch((error: unknown) => {
      // Another keeper has a quorum's cosignatures of this head already, made at another second.
      if (!(error instanceof StorageError && error.code === "conflict")) throw error;
    });
    await objects.replace(latestCosignedPath(log), note);
    cosignedSize = size;
  };

  return {
    round: async () => {
      const note = await read(CHECKPOINT_PATH);
      if (note === null) return [];
      const { size } = openCheckpoint(note, verifiers);
      if (size === 0 || size <= cosignedSize) return [];
      const prove = (from: number, to: number) => consistencyProof(read, from, to);
      const answers = new Map<PolicyWitness, WitnessAnswer>(
        await Promise.all(
          clients.map(async ({ witness, client }) => [witness, await client.cosign(note, prove)] as const),
        ),
      );
      const lines = [...answers.values()].flatMap((answer) => ("lines" in answer ? [answer.lines] : []));
      const refusals = [...answers.values()].flatMap((answer) => ("refusal" in answer ? [answer.refusal] : []));
      const holds = isQuorum(policy.quorum, (witness) => "lines" in (answers.get(witness) ?? { refusal: "" }));
      if (holds && lines.length > 0) await keep(Buffer.concat([note, Buffer.from(lines.join(""))]), size);
      return holds ? [] : [`no quorum of witnesses for ${log} at ${size} entries`, ...refusals];
    },
    get cosignedSize() {
      return cosignedSize;
    },
  };
}
