import { parentPort, workerData } from "node:worker_threads";
import { createRequestSender, type SendSettings } from "./request-sender.ts";
import type { ThreadRequest } from "./send-thread.ts";

/** The thread that converts, serializes and sends, so that the agent's need not. Loses nothing when it ends: what is not answered stays with the agent's. */
const sender = createRequestSender(workerData as SendSettings);
parentPort?.on("message", ({ id, request, batch }: ThreadRequest) => {
  const answer = request === undefined ? sender.convert(batch) : sender.send(request);
  answer.then(
    (result) => parentPort?.postMessage({ id, result }),
    (error: unknown) => parentPort?.postMessage({ id, error: String(error) }),
  );
});
parentPort?.postMessage("ready");
