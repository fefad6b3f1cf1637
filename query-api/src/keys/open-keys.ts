import { type KeyBook, openKeyBook } from "@runledger/storage";
import type { Feature } from "../dependencies.ts";

/** The keys of the installation, closed with the app. @throws StorageError when they can't be read. */
export async function openKeys({ app, dependencies, settings }: Feature): Promise<KeyBook> {
  const { objects, clock, logger } = dependencies;
  const onError = (error: unknown) =>
    logger.warn({ err: error }, "keys: the store is away; those known are still taken");
  const keys = await openKeyBook(objects, { installationKey: settings.apiKey, clock, onError });
  app.addHook("onClose", () => keys.close());
  return keys;
}
