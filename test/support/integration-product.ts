import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { installPackages } from "./integration-packages.ts";
import { startProduct, temporaryDir } from "./product.ts";

/** Where the product of a test run is reached. */
export interface ProductUrls {
  grpcUrl: string;
  httpUrl: string;
  apiUrl: string;
}

declare module "vitest" {
  interface ProvidedContext {
    /** Answers with ProductUrls, as JSON, once packages and product are there; 503 while npm installs. */
    integrationProduct: string;
  }
}

/**
 * Vitest's global setup: other people's packages, and one real `runledger up` for all files of test/integrations. The packages are
 * installed while other tests run; the product starts when the first file asks for it.
 */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  let isInstalling = true;
  const packages = installPackages(stopping.signal).finally(() => {
    isInstalling = false;
  });
  packages.catch(() => undefined); // told to whoever asks
  let product: ReturnType<typeof startShownProduct> | undefined;
  const answer = async (response: ServerResponse) => {
    // At once: a fetch that hears nothing for five minutes gives up.
    if (isInstalling) return void response.writeHead(503).end();
    try {
      await packages;
      product ??= startShownProduct();
      response.end(JSON.stringify((await product).urls));
    } catch (error) {
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    }
  };
  const server = createServer((_request, response) => void answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  provide("integrationProduct", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    stopping.abort();
    server.close();
    server.closeAllConnections();
    await (await product)?.stop();
  };
}

/** What it says on stderr is shown. */
async function startShownProduct(): Promise<{ urls: ProductUrls; stop: () => Promise<void> }> {
  const home = await temporaryDir("integrations");
  const product = await startProduct(home.dir);
  const show = (text: string) => process.stderr.write(text);
  product.process.stderr?.on("data", show);
  const { grpcUrl, httpUrl, apiUrl } = product;
  const stop = async () => {
    product.process.stderr?.off("data", show);
    await product.stop();
    await home.remove();
  };
  return { urls: { grpcUrl, httpUrl, apiUrl }, stop };
}
