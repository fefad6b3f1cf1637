import { takeFlatLists } from "./flat-keys.ts";
import { jsonTextOf } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import { takeIo } from "./openinference-io.ts";
import { type Behind, flatMembers } from "./openinference-messages.ts";
import type { AttributeReader, SpanView } from "./span-view.ts";

const LISTS = ["retrieval.documents.", "reranker.input_documents.", "reranker.output_documents."] as const;

const DOCUMENT: Behind = { prefix: "document.", without: [] };

/** A retriever's query and documents, a reranker's documents before and after. */
export function readRetrieval(span: SpanView, attributes: AttributeReader, operation: "retrieval" | "rerank"): Content {
  const lists = takeFlatLists(span.attributes, attributes, LISTS);
  const io = takeIo(attributes);
  const found = operation === "retrieval" ? lists["retrieval.documents."] : lists["reranker.output_documents."];
  const content: Content = { ...io };
  if (operation === "rerank") {
    const query = attributes.value("reranker.query");
    const topK = attributes.value("reranker.top_k");
    const documents = documentsOf(lists["reranker.input_documents."]);
    if (query !== null || documents.length > 0) {
      content.input = JSON.stringify({ query, top_k: topK, documents });
      if (io.input !== undefined) content.raw_request = io.input;
    }
  }
  if (found.length > 0) {
    content.output = JSON.stringify(documentsOf(found));
    if (io.output !== undefined) content.raw_response = io.output;
  }
  return content;
}

function documentsOf(list: ReturnType<typeof takeFlatLists>[string]): Record<string, unknown>[] {
  return flatMembers(list, DOCUMENT).map((document) => {
    const { metadata } = document;
    return metadata === undefined ? document : { ...document, metadata: JSON.parse(jsonTextOf(metadata)) };
  });
}
