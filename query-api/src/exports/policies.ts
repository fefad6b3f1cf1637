import { statePath } from "@runledger/contract";
import { type Objects, StorageError } from "@runledger/storage";
import { createNotedSettings, type SettingsInForce } from "../acts/noted-settings.ts";
import { createRuleBook } from "../alerts/rules.ts";
import { createHoldStore } from "../holds/hold-store.ts";

/** What the store tells of what is in force. */
export interface PoliciesInForce {
  alert_rules: object[];
  /** How many, not whose. */
  legal_holds: number;
  /** By shard: as of the last start of each; null where the note of it is damaged. */
  settings: Record<string, SettingsInForce | null>;
}

const [FOLDER = ""] = statePath("settings/*").split("*");

/** @throws StorageError */
export async function policiesInForce(objects: Objects, tenant: string): Promise<PoliciesInForce> {
  const settings: PoliciesInForce["settings"] = {};
  for await (const { path } of objects.list(FOLDER)) {
    const shard = path.slice(FOLDER.length).replace(/\.json$/, "");
    settings[shard] = await notedSettings(objects, shard);
  }
  const { holds } = await createHoldStore(objects).read();
  return {
    alert_rules: [...(await createRuleBook(objects, tenant).inForce()).values()],
    legal_holds: holds.filter((hold) => hold.tenant === tenant).length,
    settings,
  };
}

async function notedSettings(objects: Objects, shard: string): Promise<SettingsInForce | null> {
  try {
    return (await createNotedSettings(objects, shard).read()).in_force;
  } catch (error) {
    if (error instanceof StorageError && error.code === "damaged") return null;
    throw error;
  }
}
