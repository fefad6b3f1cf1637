import fastifyStatic from "@fastify/static";
import type { Feature } from "../dependencies.ts";

const YEAR_SECONDS = 365 * 24 * 3600;
const PAGE = "index.html";

/** The web page's built files. Paths of the page's own router, which no file has, get the page. */
export async function registerWeb({ app, dependencies: { webDir } }: Feature): Promise<void> {
  if (webDir === null) return;
  await app.register(fastifyStatic, {
    root: webDir,
    wildcard: false,
    index: PAGE,
    cacheControl: false,
    setHeaders: (reply, path) => {
      // Files below assets/ carry a hash of their content in their names.
      const immutable = path.includes("/assets/");
      reply.header("cache-control", immutable ? `public, max-age=${YEAR_SECONDS}, immutable` : "no-cache");
    },
  });
  app.get("/*", { schema: { hide: true } }, async (request, reply) => {
    const isPlace = (request.headers.accept ?? "").includes("text/html") && !request.url.startsWith("/v1/");
    return isPlace ? await reply.sendFile(PAGE) : reply.callNotFound();
  });
}
