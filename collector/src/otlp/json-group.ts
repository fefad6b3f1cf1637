import type { Group } from "./group.ts";
import { field, type JsonObject, list, listOrSkip, object, resourceOf, scopeOf, text } from "./json-fields.ts";

/** The names of a signal's lists in its request: of resources, of their scopes, of the scopes' items. */
export interface GroupNames {
  resources: string;
  scopes: string;
  items: string;
}

/**
 * The request of a signal in OTLP/JSON, by the rules of `tracesFromJson`. A wrong field of an item makes that item `undecodable`.
 * @throws Error naming the field outside of items that is wrong.
 */
export function groupsFromJson<Item>(
  value: unknown,
  names: GroupNames,
  itemOf: (item: JsonObject) => Item,
): Group<Item>[] {
  return list(object(value, "request"), names.resources, (from) => {
    const resource = field(from, "resource");
    const origin = {
      resource: resource === undefined ? null : resourceOf(object(resource, "resource")),
      resourceSchemaUrl: text(from, "schemaUrl"),
    };
    return list(from, names.scopes, (scoped) => {
      const scope = field(scoped, "scope");
      return {
        ...origin,
        scope: scope === undefined ? null : scopeOf(object(scope, "scope")),
        scopeSchemaUrl: text(scoped, "schemaUrl"),
        ...listOrSkip(scoped, names.items, itemOf),
      };
    });
  }).flat();
}
