import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import fastify, { type FastifyBaseLogger, LogController } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { pino } from "pino";
import { expect, test } from "vitest";
import { z } from "zod";
import type { App } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";
import { registerErrorHandler } from "./error-handler.ts";

test("who goes away while an answer is awaited is no error of ours; who stays and gets none is", async () => {
  const lines: string[] = [];
  const loggerInstance: FastifyBaseLogger = pino(
    { level: "error" },
    { write: (line: string) => void lines.push(line) },
  );
  const app: App = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
  }).withTypeProvider<ZodTypeProvider>();
  registerErrorHandler(app);
  app.get("/wait", async (_request, reply) => {
    await once(reply.raw, "close");
    throw new QueryApiError("unavailable", "the asker has gone");
  });
  app.get("/away", async () => {
    throw new QueryApiError("unavailable", "a store is away");
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = z.object({ port: z.number() }).parse(app.server.address());
  const socket = connect(port, "127.0.0.1");
  socket.write("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n");
  await sleep(100);
  socket.destroy();
  expect((await fetch(`http://127.0.0.1:${port}/away`)).status).toBe(503);
  await sleep(100);
  await app.close();
  expect(lines.map((line) => JSON.parse(line).url)).toEqual(["/away"]);
});
