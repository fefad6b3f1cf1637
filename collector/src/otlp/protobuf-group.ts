import type { Group } from "./group.ts";
import type { Resource } from "./otlp.ts";
import { type ReadField, readFields, readMessage, readOrSkip, readResource, readScope } from "./protobuf-message.ts";
import { ExactReader } from "./protobuf-reader.ts";

/** Reads one item, its length first. */
export type ReadItem<Item> = (reader: ExactReader, depth: number) => Item;

type Collected<Item> = Omit<Group<Item>, "resource" | "resourceSchemaUrl">;

interface FromResource<Item> {
  readonly resource: Resource | null;
  readonly schemaUrl: string;
  readonly scopes: readonly Collected<Item>[];
}

/**
 * Decodes the request of a signal, which all have the same frame (logs.proto, metrics.proto): groups in the order in which they came. Byte fields are
 * views into `body`. An item with text that is not UTF-8, or nested too deep, becomes `undecodable`. @throws Error for the same elsewhere and for broken bytes.
 */
export function groupsFromProtobuf<Item>(body: Buffer, readItem: ReadItem<Item>): Group<Item>[] {
  const readScopeField: ReadField<Collected<Item>> = (message, tag, reader, depth) => {
    if (tag === 18) {
      const why = readOrSkip(reader, () => message.items.push(readItem(reader, depth)));
      if (why !== null) message.undecodable.push(why);
    } else if (tag === 10) message.scope = readScope(message.scope, reader, depth);
    else if (tag === 26) message.scopeSchemaUrl = reader.string();
    else return false;
    return true;
  };
  const readResourceField: ReadField<FromResource<Item>> = (message, tag, reader, depth) => {
    if (tag === 10) message.resource = readResource(message.resource, reader, depth);
    else if (tag === 18) {
      const empty: Collected<Item> = { scope: null, scopeSchemaUrl: "", items: [], undecodable: [] };
      message.scopes.push(readMessage(empty, readScopeField, reader, depth));
    } else if (tag === 26) message.schemaUrl = reader.string();
    else return false;
    return true;
  };
  const groups: Group<Item>[] = [];
  const readRequestField: ReadField<object> = (_message, tag, reader, depth) => {
    if (tag !== 10) return false;
    const empty: FromResource<Item> = { resource: null, schemaUrl: "", scopes: [] };
    const { resource, schemaUrl, scopes } = readMessage(empty, readResourceField, reader, depth);
    for (const scope of scopes) groups.push({ resource, resourceSchemaUrl: schemaUrl, ...scope });
    return true;
  };
  readFields({}, body.length, readRequestField, new ExactReader(body), 0);
  return groups;
}
