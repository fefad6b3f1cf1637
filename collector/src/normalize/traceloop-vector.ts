import { createMembers } from "../otlp/members.ts";
import type { DialectKeys } from "./dialect.ts";
import { takeFlatLists } from "./flat-keys.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

const STORES = new Set(["pinecone", "chroma", "chromadb", "qdrant", "weaviate", "milvus", "marqo", "lancedb"]);
const RESULT = "db.vector.query.result.";
const LISTS = [RESULT] as const;
const QUERY = "db.vector.query.";
const READS = new Set(["query", "search", "get", "retrieve", "peek", "search_batch", "hybrid_search", "fetch"]);

/** A call of a vector store, by the name that the instrumentations give it (`db.system`). */
export function isVectorStore(attributes: DialectKeys): boolean {
  const system = attributes.get("db.system");
  return typeof system === "string" && STORES.has(system.toLowerCase());
}

/** `pinecone.query` retrieves; `chroma.add` and the like are named by what they do. */
export function vectorOperation(spanName: string): string {
  const word = spanName.slice(spanName.lastIndexOf(".") + 1).toLowerCase();
  return READS.has(word) ? "retrieval" : word;
}

/** The query, and what was found: as keys of the span, or an event each. */
export function vectorContent(span: SpanView, attributes: AttributeReader): Content {
  const query = createMembers();
  const results = takeFlatLists(span.attributes, attributes, LISTS)[RESULT].map((result) => Object.fromEntries(result));
  for (const [key, value] of span.attributes)
    if (key.startsWith(QUERY) && !key.startsWith(RESULT)) {
      query[key.slice(QUERY.length)] = value;
      attributes.value(key);
    }
  const told = span.events.filter(({ name }) => name === "db.query.result").map((event) => event.attributes);
  const found = results.length > 0 ? results : told;
  return {
    ...(Object.keys(query).length === 0 ? {} : { input: JSON.stringify(query) }),
    ...(found.length === 0 ? {} : { output: JSON.stringify(found) }),
  };
}
