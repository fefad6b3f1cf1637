import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a query API answers who verifies it: `shards`, and each object as `answer` has it; `asked`: how many times that object was asked for, this time included. */
export async function startLyingServer(
  shards: readonly string[],
  answer: (path: string, asked: number) => Promise<Uint8Array | null>,
): Promise<{ url: string; close(): void }> {
  const counts = new Map<string, number>();
  const bytesOf = async (path: string): Promise<Uint8Array | null> => {
    if (path === "/v1/audit/shards") return Buffer.from(JSON.stringify({ shards }));
    const asked = (counts.get(path) ?? 0) + 1;
    counts.set(path, asked);
    return await answer(path.replace("/v1/audit/objects/", ""), asked);
  };
  const server = createServer((request, response) => {
    void bytesOf(request.url ?? "").then((bytes) => response.writeHead(bytes === null ? 404 : 200).end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
