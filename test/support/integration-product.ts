import type { TestProject } from "vitest/node";
import { startProduct, temporaryDir } from "./product.ts";

/** Where the product of a test run is reached. */
export interface ProductUrls {
  grpcUrl: string;
  httpUrl: string;
  apiUrl: string;
}

declare module "vitest" {
  interface ProvidedContext {
    integrationProduct: ProductUrls;
  }
}

/** Vitest's global setup: one real `runledger up` for all files of test/integrations. What it says on stderr is shown. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const home = await temporaryDir("integrations");
  const product = await startProduct(home.dir);
  const show = (text: string) => process.stderr.write(text);
  product.process.stderr?.on("data", show);
  const { grpcUrl, httpUrl, apiUrl } = product;
  provide("integrationProduct", { grpcUrl, httpUrl, apiUrl });
  return async () => {
    product.process.stderr?.off("data", show);
    await product.stop();
    await home.remove();
  };
}
