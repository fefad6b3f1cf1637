import { writeSync } from "node:fs";
import { openObjects } from "@runledger/storage";
import { openSmallCollector } from "./small-collector.ts";

/**
 * `node small-collector-process.ts DIR FIRST REQUESTS`: sends itself requests numbered from FIRST on, and prints each as it is acknowledged.
 * 0 requests: two senders without end, until it is killed.
 */
const [dir = ".", first = "1", requests = "0"] = process.argv.slice(2);
const objects = await openObjects(`file:${dir}/objects`);
const clock = () => BigInt(Date.now()) * 1_000_000n;
const withoutEnd = requests === "0";
const aging = withoutEnd ? { segmentAgeMs: 5 } : {}; // else each run makes the same calls
const collector = await openSmallCollector({ dir, objects, seals: true, attempts: 3, clock, ...aging });
writeSync(1, "ready\n");
let number = Number(first);
const end = withoutEnd ? Number.POSITIVE_INFINITY : number + Number(requests);

async function send(): Promise<void> {
  while (number < end) {
    const request = { number, records: 1 + (number % 5) * (number % 7) };
    number++;
    await collector.append(request);
    writeSync(1, `${request.number} ${request.records}\n`);
    if (!withoutEnd) await collector.follow();
  }
}
async function follow(): Promise<void> {
  for (;;) {
    await collector.follow();
    await collector.removeFinishedSegments();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
await (withoutEnd ? Promise.all([send(), send(), send(), follow()]) : send());
await collector.follow();
await collector.removeFinishedSegments();
await collector.close();
