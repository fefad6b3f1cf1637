import { type Hold, type HoldScope, hold, holdList, holdSet } from "@runledger/contract";
import { withVisibleTexts } from "@runledger/verify";
import pc from "picocolors";
import { apiAccess, askApi, reasonHeader, sendApi } from "../api-client.ts";
import type { Console } from "../program.ts";

interface ApiFlags {
  api: string;
  json?: boolean;
}

export interface HoldFlags extends ApiFlags {
  user?: string;
  run?: string;
  agent?: string;
  session?: string;
  all?: boolean;
  reason: string;
}

type Output = Pick<Console, "env" | "stdout">;

/** `runledger hold`: keeps from erasure what it names, and everything from expiring. */
export async function setHold(flags: HoldFlags, console: Output): Promise<void> {
  const body = { scope: scopeOf(flags), reason: flags.reason };
  const set = await sendApi(accessOf(flags, console), "POST", "/v1/holds", body, holdSet);
  const late = set.too_late_for.map(
    (id) => `${pc.yellow("too late for")}  ${id}: its keys were being destroyed already\n`,
  );
  console.stdout.write(
    flags.json === true ? `${JSON.stringify(set, null, 2)}\n` : `${pc.green("held")}  ${line(set)}\n${late.join("")}`,
  );
}

/** `runledger lift`. */
export async function liftHold(holdId: string, flags: ApiFlags & { reason: string }, console: Output): Promise<void> {
  const path = `/v1/holds/${encodeURIComponent(holdId)}`;
  const lifted = await sendApi(accessOf(flags, console), "DELETE", path, undefined, hold, reasonHeader(flags.reason));
  console.stdout.write(`${pc.green("lifted")}  ${line(lifted)}\n`);
}

/** `runledger holds`. */
export async function listHolds(flags: ApiFlags, console: Output): Promise<void> {
  const { items } = await askApi(accessOf(flags, console), "/v1/holds", holdList);
  if (flags.json === true) console.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  else console.stdout.write(items.length === 0 ? "no hold is in force\n" : `${items.map(line).join("\n")}\n`);
}

function scopeOf({ user, run, agent, session, all }: HoldFlags): HoldScope {
  const given: (HoldScope | false)[] = [
    user !== undefined && { user_id: user },
    run !== undefined && { run_id: run },
    agent !== undefined && { agent },
    session !== undefined && { session },
    all === true && { all: true as const },
  ];
  const [scope, ...others] = given.filter((one) => one !== false);
  if (scope === undefined || others.length > 0)
    throw new Error("Say what to keep: one of --user, --run, --agent, --session, --all.");
  return scope;
}

function accessOf({ api }: ApiFlags, { env }: Output) {
  return apiAccess(api, env);
}

function line(hold: Hold): string {
  const { hold_id, scope, reason, by, set_time } = withVisibleTexts(hold);
  const [[kind, value] = []] = Object.entries(scope);
  const what = value === true ? "all" : `${kind} ${value}`;
  return `${hold_id}  ${what}  ${pc.dim(`${set_time} by ${by}:`)} ${reason}`;
}
