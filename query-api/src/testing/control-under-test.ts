import { type Objects, openRows } from "@runledger/storage";
import { pino } from "pino";
import { Registry } from "prom-client";
import { createApp } from "../app.ts";
import { queryApiSettings } from "../config.ts";
import type { App } from "../dependencies.ts";
import { createRecordedActs, type RecordedActs } from "./recorded-acts.ts";
import { type STORES, startStore } from "./store-under-test.ts";

export interface ControlUnderTest {
  /** Query APIs over one store. */
  apps: App[];
  acts: RecordedActs;
  objects: Objects;
  /** Added to the real time, which waits go by. */
  clock: { aheadMs: number };
  /** What is answered, as the principal of a tenant, who may say why. */
  ask(
    api: number,
    method: "GET" | "POST" | "DELETE",
    url: string,
    body?: object,
    tenant?: string,
    reason?: string,
  ): Promise<Answer>;
  close(): Promise<void>;
}
export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they please
  body: any;
}

/** Kills and approvals need no ClickHouse: there is none. */
export async function startControlUnderTest({
  apis = 1,
  settings = {},
  store: kind = "files" as (typeof STORES)[number],
} = {}): Promise<ControlUnderTest> {
  const store = await startStore(kind);
  const acts = createRecordedActs();
  const clock = { aheadMs: 0 };
  const rows = openRows("http://127.0.0.1:9");
  const apps: App[] = [];
  for (let i = 0; i < apis; i++) {
    const dependencies = {
      ...{ rows, acts, webDir: null, verifierKeys: [], registry: new Registry(), random: Math.random },
      objects: await store.open(),
      keyring: null,
      clock: () => Date.now() + clock.aheadMs,
      logger: pino({ level: "silent" }),
    };
    apps.push(await createApp(dependencies, queryApiSettings.parse({ controlPollMs: 50, ...settings })));
  }
  return {
    apps,
    acts,
    objects: await store.open(),
    clock,
    async ask(api, method, url, body, tenant = "default", reason = "") {
      const payload = body === undefined ? {} : { payload: body };
      const headers = { "runledger-tenant": tenant, "runledger-reason": reason };
      const response = await apps[api]?.inject({ method, url, headers, ...payload });
      return { status: response?.statusCode ?? 0, body: response?.json() };
    },
    async close() {
      await Promise.all(apps.map((app) => app.close()));
      await rows.close();
      await store.close();
    },
  };
}
