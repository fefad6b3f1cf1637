import { PRICE_TABLE, priceTableVersion } from "@runledger/collector";
import type { SettingsInForce } from "@runledger/query-api";
import { lockOf } from "@runledger/storage";
import type { StandaloneSettings } from "./config.ts";

/** Of the settings those that bear on evidence, as the trail tells of their changes: of keys and certificates only whether there are any. */
export function settingsInForce(settings: Readonly<StandaloneSettings>): SettingsInForce {
  const lock = lockOf(settings.objects);
  const { prices, tls } = settings;
  return {
    ack: settings.ack,
    encryption: settings.encryption,
    retention_days_of_rows: settings.retentionDays,
    retention_days_of_contents: settings.contentRetentionDays,
    object_lock: lock === null ? null : lock.mode.toLowerCase(),
    object_lock_days: lock === null ? null : lock.retentionDays,
    price_table: `${PRICE_TABLE} ${priceTableVersion()}`,
    price_overrides: prices === null ? null : `${prices.name} ${prices.version}`,
    installation_key: settings.apiKey !== null,
    tls: tls !== null,
    client_certificates: tls !== null && tls.clientCa !== null,
    witnesses: settings.witnessPolicy === null ? null : settings.witnessLogs,
    time_stamps: settings.tsaUrl !== null,
    require_reason: settings.requireReason,
  };
}
