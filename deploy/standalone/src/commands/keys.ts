import { type ApiKey, apiKey, apiKeyList, type NewApiKey, newApiKey } from "@runledger/contract";
import { visibleText, withVisibleTexts } from "@runledger/verify";
import Table from "cli-table3";
import pc from "picocolors";
import { apiAccess, askApi, reasonHeader, sendApi } from "../api-client.ts";
import type { Console } from "../program.ts";

interface KeyFlags {
  api: string;
  json?: boolean;
  reason?: string;
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `runledger keys create`: the secret alone on stdout, so that it can be piped; words about it on stderr. */
export async function createKey(
  flags: KeyFlags & { name: string; role: string[]; tenant?: string; expires?: string },
  console: Console,
): Promise<void> {
  const { name, role: roles, tenant, expires } = flags;
  const expires_time = expires === undefined ? undefined : timeOf(expires);
  const body = { name, roles, tenant, expires_time };
  const made = await sendApi(accessOf(flags, console), "POST", "/v1/keys", body, newApiKey, whyHeader(flags));
  tell(made, flags, console);
}

/** `runledger keys rotate`. */
export async function rotateKey(keyId: string, flags: KeyFlags & { overlap: string }, console: Console): Promise<void> {
  const path = `/v1/keys/${encodeURIComponent(keyId)}/rotate`;
  const body = { overlap_seconds: secondsOf(flags.overlap) };
  const made = await sendApi(accessOf(flags, console), "POST", path, body, newApiKey, whyHeader(flags));
  tell(made, flags, console);
}

/** `runledger keys revoke`. */
export async function revokeKey(keyId: string, flags: KeyFlags, console: Console): Promise<void> {
  const path = `/v1/keys/${encodeURIComponent(keyId)}`;
  const { name } = await sendApi(accessOf(flags, console), "DELETE", path, undefined, apiKey, whyHeader(flags));
  console.stdout.write(`${keyId} (${visibleText(name)}) is revoked; it stops within seconds\n`);
}

/** `runledger keys list`. */
export async function listKeys(flags: KeyFlags, console: Console): Promise<void> {
  const { items } = await askApi(accessOf(flags, console), "/v1/keys", apiKeyList);
  if (flags.json === true) return void console.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  if (items.length === 0) {
    const first = "runledger keys create --name admin --role admin --tenant '*'";
    return void console.stdout.write(`There are no keys. The first one, an admin's: ${first}\n`);
  }
  console.stdout.write(`${keysTable(items)}\n`);
}

function tell({ key, secret }: NewApiKey, { json }: KeyFlags, console: Console): void {
  if (json === true) return void console.stdout.write(`${JSON.stringify({ key, secret }, null, 2)}\n`);
  const ends = key.expires_time === null ? "does not expire" : `expires ${shownTime(key.expires_time)}`;
  const of = key.tenant === "*" ? "every tenant" : `tenant ${key.tenant}`;
  const old = key.old_secret_until === null ? "" : `; the old secret is taken until ${shownTime(key.old_secret_until)}`;
  console.stderr.write(
    `${pc.bold(visibleText(key.name))} (${key.key_id}): ${key.roles.join(", ")} of ${of}, ${ends}${old}. Its secret, shown this once:\n`,
  );
  console.stdout.write(`${secret}\n`);
}

function keysTable(keys: readonly ApiKey[]): string {
  const dim = pc.isColorSupported ? ["dim"] : []; // none into a pipe
  const table = new Table({
    head: ["key", "name", "roles", "tenant", "status", "expires", "last used"],
    style: { head: dim, border: dim, compact: true },
  });
  for (const key of withVisibleTexts(keys)) {
    const status = key.status === "active" ? pc.green(key.status) : pc.red(key.status);
    const expires = key.expires_time === null ? "never" : shownTime(key.expires_time);
    const used = key.last_used_time === null ? "not seen" : shownTime(key.last_used_time);
    table.push([key.key_id, key.name, key.roles.join(", "), key.tenant, status, expires, used]);
  }
  return table.toString();
}

function accessOf({ api }: KeyFlags, console: Console): { url: string; key: string | undefined } {
  return apiAccess(api, console.env);
}

/** As bytes of UTF-8, which is how the API reads the header. */
function whyHeader({ reason }: KeyFlags): Record<string, string> {
  return reason === undefined ? {} : reasonHeader(reason);
}

/** A time, or one so long from now. */
function timeOf(text: string): string {
  return /^\d+[smhd]$/.test(text) ? new Date(Date.now() + secondsOf(text) * 1_000).toISOString() : text;
}

function secondsOf(text: string): number {
  const [, count, unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const seconds = UNIT_SECONDS[unit];
  if (count === undefined || seconds === undefined) throw new Error(`${text} is no duration: say 90d, 12h, 30m or 0s`);
  return Number(count) * seconds;
}

function shownTime(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`;
}
