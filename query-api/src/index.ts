export { createApp } from "./app.ts";
export { type QueryApiSettings, queryApiSettings } from "./config.ts";
export type { App, QueryApiDependencies } from "./dependencies.ts";
export { type ErrorFacts, QueryApiError } from "./error.ts";
export { type QueryApiServer, startQueryApi } from "./server.ts";
