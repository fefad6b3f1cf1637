import { parentPort, workerData } from "node:worker_threads";
import { createRequestSender, type SendRequest, type SendSettings } from "./request-sender.ts";

/** The thread that serializes and sends, so that the agent's need not. Loses nothing when it ends: what is not answered stays with the agent's. */
const sender = createRequestSender(workerData as SendSettings);
parentPort?.on("message", ({ id, ...request }: SendRequest & { id: number }) => {
  void sender.send(request).then((result) => parentPort?.postMessage({ id, ...result }));
});
parentPort?.postMessage("ready");
