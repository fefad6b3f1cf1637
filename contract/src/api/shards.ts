import { z } from "zod";

/** `GET /v1/audit/shards`: names of the logs that there are. */
export const shardList = z.object({ shards: z.array(z.string()) });
