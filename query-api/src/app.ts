import { createServer } from "node:https";
import { type TlsSettings, tlsServerOptions } from "@runledger/contract";
import fastify, { type FastifyServerFactory, LogController } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { recordNoted } from "./acts/record-noted.ts";
import { requireReason } from "./acts/require-reason.ts";
import { registerActs } from "./acts/route.ts";
import { registerAlerts } from "./alerts/route.ts";
import { registerApprovals } from "./approvals/route.ts";
import { registerAudit } from "./audit/route.ts";
import type { QueryApiSettings } from "./config.ts";
import { openControlState } from "./control/control-state.ts";
import { registerControl } from "./control/route.ts";
import type { App, Feature, QueryApiDependencies } from "./dependencies.ts";
import { registerPrivacy } from "./erasures/register.ts";
import { registerExports } from "./exports/route.ts";
import { registerHealth } from "./health/route.ts";
import { registerAccess } from "./http/access.ts";
import { registerErrorHandler, sendAnyError } from "./http/error-handler.ts";
import { registerOpenApi } from "./http/openapi.ts";
import { registerProtection } from "./http/protection.ts";
import { registerMetrics } from "./http/request-metrics.ts";
import { registerWeb } from "./http/web.ts";
import { openKeys } from "./keys/open-keys.ts";
import { registerKeys } from "./keys/route.ts";
import { registerLive } from "./live/route.ts";
import { registerRuns } from "./runs/route.ts";
import { registerSteps } from "./steps/route.ts";
import { registerUsage } from "./usage/route.ts";

const MAX_PARAMETER_CHARS = 1_024;
/** In which a request must have come in whole; answers may take longer. */
const TIMES = { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 5_000 };

/** The query API, built and not listening. `close` ends what it runs in the background. */
export async function createApp(given: QueryApiDependencies, settings: QueryApiSettings): Promise<App> {
  const { tls } = settings;
  const dependencies = settings.requireReason ? { ...given, acts: requireReason(given.acts) } : given;
  const app: App = fastify({
    requestTimeout: TIMES.requestTimeout,
    ...(tls === null ? { http: TIMES } : { serverFactory: tlsServerFactory(tls) }),
    loggerInstance: dependencies.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: settings.maxBodyBytes,
    forceCloseConnections: true,
    // A URL that can't be decoded fails before any route or hook.
    frameworkErrors: sendAnyError,
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARS },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const feature: Feature = { app, dependencies, settings };
  const { rows, ownRows = rows } = dependencies;
  const own: Feature = { ...feature, dependencies: { ...dependencies, rows: ownRows } };

  registerErrorHandler(app);
  await registerProtection(feature);
  const keys = await openKeys(feature);
  registerAccess(feature, keys);
  await registerOpenApi(feature);
  registerMetrics(feature);
  registerHealth(own);

  registerRuns(feature);
  registerSteps(feature);
  registerUsage(feature);
  registerLive(feature, keys);
  registerAudit(feature);
  registerActs(feature);
  const state = openControlState(feature);
  const control = registerControl(feature, state, keys);
  registerApprovals(feature, state);
  registerKeys(feature, keys);
  registerAlerts(own, control, state);
  registerExports(feature);
  registerPrivacy(own, state);
  recordNoted(feature, state);

  await registerWeb(feature);
  return app;
}

function tlsServerFactory(tls: TlsSettings): FastifyServerFactory {
  return (handler) => createServer({ ...TIMES, ...tlsServerOptions(tls) }, handler);
}
