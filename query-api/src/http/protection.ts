import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import underPressure from "@fastify/under-pressure";
import type { Feature } from "../dependencies.ts";

const MINUTE_MS = 60_000;

/** Headers, a rate a client, and a refusal (503, Retry-After) before the event loop drowns. */
export async function registerProtection({ app, settings }: Feature): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'self'"],
        // Our page and swagger-ui bring files of their own; both set styles on elements.
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        fontSrc: ["'self'", "data:"],
        connectSrc: ["'self'"],
        objectSrc: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // TLS ends in front of us, if at all; whoever ends it says so.
    strictTransportSecurity: false,
  });
  await app.register(rateLimit, {
    max: settings.requestsPerMinute,
    timeWindow: MINUTE_MS,
    // Behind a proxy all come from one address. Who was let in is known here; wrong keys are counted before, by address.
    keyGenerator: ({ principal, ip }) => `${principal?.keyId ?? ""} ${ip}`,
  });
  await app.register(underPressure, { maxEventLoopDelay: settings.maxEventLoopDelayMs, retryAfter: 2 });
}
