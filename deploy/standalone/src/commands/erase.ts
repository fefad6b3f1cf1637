import { type ErasureAnswer, erasure } from "@runledger/contract";
import pc from "picocolors";
import { apiAccess, sendApi } from "../api-client.ts";
import type { Console } from "../program.ts";

export interface EraseFlags {
  api: string;
  user?: string;
  run?: string;
  reason: string;
  json?: boolean;
}

/** `runledger erase`: what was recorded of a person, or of a run of nobody's, is made unreadable for ever. */
export async function eraseContent(
  { api, user, run, reason, json }: EraseFlags,
  console: Pick<Console, "env" | "stdout">,
): Promise<void> {
  if ((user === undefined) === (run === undefined)) throw new Error("Say whom: either --user ID or --run ID.");
  const subject = user === undefined ? { run_id: run } : { user_id: user };
  const access = apiAccess(api, console.env);
  const answer = await sendApi(access, "POST", "/v1/erasures", { subject, reason }, erasure);
  console.stdout.write(json === true ? `${JSON.stringify(answer, null, 2)}\n` : words(answer));
}

function words({ state, keys, log_indexes, clear_records, erasure_id }: ErasureAnswer): string {
  const lines = [
    state === "done"
      ? `${pc.green("erased")}: ${keys} keys are destroyed, at index ${log_indexes.join(", ")} of the log`
      : `${pc.yellow("begun")}: erasure ${erasure_id} is recorded, or about to be, and goes on by itself`,
  ];
  if (clear_records > 0)
    lines.push(pc.yellow(`${clear_records} records lie in the clear and stay readable: see docs/privacy.md`));
  return `${lines.join("\n")}\n`;
}
