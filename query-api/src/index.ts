export { type Act, type ActRecorder, createActRecorder } from "./acts/act-recorder.ts";
export { createActSender } from "./acts/send-act.ts";
export { createApp } from "./app.ts";
export { type QueryApiSettings, queryApiSettings } from "./config.ts";
export { whoRuns } from "./control/control-state.ts";
export type { App, QueryApiDependencies } from "./dependencies.ts";
export { type ErrorFacts, QueryApiError } from "./error.ts";
export { exportOffline, type OfflineExport } from "./exports/export-offline.ts";
export { type QueryApiServer, startQueryApi } from "./server.ts";
