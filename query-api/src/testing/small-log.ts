import { generateKeyPairSync } from "node:crypto";
import {
  CHECKPOINT_PATH,
  canonicalJson,
  createNoteSigner,
  createTileTree,
  encodeEntryBundle,
  entryBundlePath,
  formatMessageNode,
  formatVerifierKey,
  type LogEntryRow,
  leafHash,
  logPrefix,
  MESSAGES_MEDIA_TYPE,
  type PayloadName,
  type PayloadRef,
  packPath,
  parseVerifierKey,
  type RunledgerRecord,
  SAME_PACK,
  type StepRow,
  signCheckpoint,
  TILE_WIDTH,
  tilePath,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { sha256 } from "./step-rows.ts";

const SHARD = "0";
const { privateKey } = generateKeyPairSync("ed25519");
const ORIGIN = "example.com/log";

export const verifierKey = formatVerifierKey(ORIGIN, privateKey);
export const verifier = parseVerifierKey(verifierKey);

/** Publishes a log of these records as a collector would have, from 256 on without its full tiles. Returns its rows of `log_entries`. */
export async function publishSmallLog(
  objects: Objects,
  records: readonly RunledgerRecord[],
  shard = SHARD,
): Promise<LogEntryRow[]> {
  const prefix = logPrefix(shard);
  const origin = shard === SHARD ? ORIGIN : `${ORIGIN}/${shard}`;
  const entries = records.map((one) => Buffer.from(canonicalJson(one)));
  const tree = createTileTree();
  for (const entry of entries) tree.append(leafHash(entry));
  for (const { level, index, width, bytes } of tree.partialTiles()) {
    await objects.create(`${prefix}${tilePath(level, index, width)}`, bytes);
  }
  for (let first = 0; first < entries.length; first += TILE_WIDTH) {
    const bundle = entries.slice(first, first + TILE_WIDTH);
    await objects.create(`${prefix}${entryBundlePath(first / TILE_WIDTH, bundle.length)}`, encodeEntryBundle(bundle));
  }
  const note = signCheckpoint(tree.size, tree.root(), createNoteSigner(origin, privateKey));
  await objects.replace(`${prefix}${CHECKPOINT_PATH}`, note);
  return records.map((one, log_index) => ({
    tenant: one.tenant,
    record_id: one.record_id,
    run_id: one.run_id,
    step_id: one.step_id,
    shard,
    log_index,
    leaf_hash: Buffer.from(leafHash(entries[log_index] ?? Buffer.of())).toString("hex"),
    payloads: JSON.stringify(one.payloads),
    act: one.act === undefined ? "" : canonicalJson({ ...one.act, received_time: one.received_time }),
  }));
}

/** Keeps payloads in one pack. `history`: messages that `messages` goes on from. */
export async function writePack(
  objects: Objects,
  payloads: Partial<Record<PayloadName, string>>,
  messages: { history: unknown[]; added: unknown[] },
  mediaType = "application/json",
): Promise<RunledgerRecord["payloads"]> {
  const parts: Buffer[] = [];
  let offset = 0;
  const put = (text: string, media_type: string): Omit<PayloadRef, "pack"> => {
    const bytes = Buffer.from(text);
    const ref = { sha256: sha256(text), size_bytes: bytes.length, media_type, offset };
    parts.push(bytes);
    offset += bytes.length;
    return ref;
  };
  const texts = (list: unknown[]) => list.map((message) => JSON.stringify(message));
  const refs: Partial<Record<PayloadName, Omit<PayloadRef, "pack">>> = {};
  for (const [name, text] of Object.entries(payloads)) refs[name as PayloadName] = put(text, mediaType);
  const base = put(
    formatMessageNode({ base: null, baseCount: 0, texts: texts(messages.history) }),
    MESSAGES_MEDIA_TYPE,
  );
  const node = { base: { ...base, pack: SAME_PACK }, baseCount: messages.history.length, texts: texts(messages.added) };
  refs.messages = put(formatMessageNode(node), MESSAGES_MEDIA_TYPE);
  const bytes = Buffer.concat(parts);
  const pack = sha256(bytes);
  await objects.create(packPath(SHARD, pack), bytes);
  return Object.fromEntries(Object.entries(refs).map(([name, ref]) => [name, { ...ref, pack }]));
}

/** The record of a step row, as far as this package reads it. */
export function recordOf(row: StepRow, facts: Partial<RunledgerRecord>): RunledgerRecord {
  return {
    v: 1,
    record_id: row.record_id,
    tenant: row.tenant,
    event: "step",
    kind: "llm",
    name: row.name,
    operation: row.operation || null,
    run_id: row.run_id,
    trace_id: row.trace_id,
    step_id: row.step_id,
    parent_id: null,
    root: false,
    dialect: row.dialect,
    start_time: row.start_time,
    end_time: row.end_time,
    received_time: row.received_time,
    status: "ok",
    error: null,
    run_seq: null,
    run: {
      task_id: null,
      task_type: null,
      agent_name: null,
      agent_version: null,
      session_id: null,
      user_id: null,
      heartbeat_interval_ms: null,
    },
    llm: null,
    tool: null,
    end: null,
    cost: null,
    conflict: false,
    attributes: {},
    events: [],
    links: [],
    resource: {},
    scope: { name: "test", version: "1" },
    payloads: {},
    ...facts,
  };
}
