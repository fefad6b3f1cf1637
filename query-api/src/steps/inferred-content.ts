import type { PayloadName, RunledgerRecord, Step, StepDetail } from "@runledger/contract";
import { parseLogEntry } from "@runledger/contract";
import { findLogPosition, readLogEntry } from "../audit/log-position.ts";
import type { ContentThread } from "./content-thread.ts";
import { withGoneContent } from "./gone-content.ts";
import type { JsonBytes } from "./json-bytes.ts";
import { readContents } from "./record-content.ts";
import type { ContentStores } from "./step-content.ts";
import type { ToolPick } from "./tool-parts.ts";

export interface InferredContents {
  /**
   * A step that has no record of its own, with its arguments out of the record that shows it and its result out of the record that the
   * model was given it in (`resultIn`, "" for none), as JsonBytes. Attributes and the like are those of the record that shows it.
   */
  withContent(tenant: string, step: Step, resultIn: string): Promise<StepDetail>;
}

/** Of a record, what was looked for in one of its contents. */
interface Found {
  record: RunledgerRecord;
  logIndex: number;
  part: JsonBytes | undefined;
  sealedKey: string | null;
}

export function createInferredContents(
  { rows, objects, keyring, gone }: ContentStores,
  thread: ContentThread,
): InferredContents {
  const find = async (tenant: string, recordId: string, name: PayloadName, pick: ToolPick): Promise<Found | null> => {
    const position = await findLogPosition(rows, tenant, recordId);
    const bytes = position && (await readLogEntry(objects, position));
    if (!position || !bytes) return null;
    const record = parseLogEntry(bytes);
    const ref = record.payloads[name];
    const stores = { objects, findKey: keyring?.reader(), thread };
    const read = await readContents(stores, position.shard, ref === undefined ? {} : { [name]: ref }, pick);
    return { record, logIndex: position.log_index, part: read.content[name], sealedKey: read.sealedKey };
  };
  return {
    async withContent(tenant, step, resultIn) {
      const { tool, shown_by: shownBy } = step;
      const [asked, given] = await Promise.all([
        shownBy === null || !tool ? null : find(tenant, shownBy, "response", { of: "request", tool }),
        resultIn === "" || !tool ? null : find(tenant, resultIn, "messages", { of: "result", tool }),
      ]);
      const isPending = asked === null || (resultIn !== "" && given === null);
      const shown: StepDetail = {
        ...step,
        content: isPending ? "pending" : "available",
        erased: null,
        log_index: asked?.logIndex ?? null,
        llm: null,
        tool: tool && { ...tool, arguments: asked?.part ?? null, result: given?.part ?? null },
        input: null,
        output: null,
        attributes: {},
        events: [],
        links: [],
        resource: asked?.record.resource ?? {},
        scope: asked?.record.scope ?? { name: "", version: "" },
      };
      return await withGoneContent(gone, shown, [asked?.sealedKey ?? null, given?.sealedKey ?? null]);
    },
  };
}
