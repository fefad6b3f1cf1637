import { Histogram } from "prom-client";
import type { Feature } from "../dependencies.ts";

/** How long requests took, by route and status; and the page on which Prometheus reads everything this process counts. */
export function registerMetrics({ app, dependencies: { registry, collectMetrics } }: Feature): void {
  const duration = new Histogram({
    name: "runledger_api_request_duration_seconds",
    help: "Time from request to answer",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
  });
  app.get(
    "/metrics",
    { config: { role: "viewer", everyTenant: true }, schema: { tags: ["health"], summary: "Prometheus metrics" } },
    async (_request, reply) => {
      const texts = await Promise.all([registry.metrics(), collectMetrics?.() ?? ""]);
      return await reply.type(registry.contentType).send(texts.filter(Boolean).join("\n"));
    },
  );
}
