import { byKey } from "../otlp/attribute-json.ts";
import type { KeyValue } from "../otlp/otlp.ts";
import { type SentAttributes, sentAttributes } from "../otlp/sent-span.ts";
import { type KeyShape, keyShapeOf, SpanAttributes } from "./span-attributes.ts";

/** Attributes as a map: the order makes one text of what was sent in any order. */
export function attributeMap(attributes: readonly KeyValue[]): SpanAttributes {
  return createAttributeMaps()(sentAttributes(attributes));
}

/** Items of one kind have the same keys in the same order; of so many kinds the order by key is remembered. */
const MAX_KEY_LISTS = 32;
/** A longer list of keys is hardly sent again. */
const MAX_KEPT_KEYS = 1_000;

interface KeyList {
  /** As they were sent last, a repeated one each time. */
  sent: readonly string[];
  more: readonly string[];
  shape: KeyShape;
  /** For each key of the shape, where its value was sent; those of `more` stand behind the others. */
  from: readonly number[];
}

const NONE: SentAttributes = { keys: [], values: [] };

/**
 * `attributeMap` for many, one after the other: all that depends on the keys alone is done once for each list of keys. `more`: attributes that are not the
 * sender's own; they count where a key is in both.
 */
export function createAttributeMaps(): (sent: SentAttributes, more?: SentAttributes) => SpanAttributes {
  const known: KeyList[] = [];
  const listOf = (sent: readonly string[], more: readonly string[]): KeyList => {
    for (const list of known) if (list.sent === sent && list.more === more) return list;
    for (const list of known)
      if (hasKeys(list.sent, sent) && hasKeys(list.more, more)) {
        list.sent = sent;
        list.more = more;
        return list;
      }
    const list = keyListOf(sent, more);
    if (sent.length <= MAX_KEPT_KEYS) known.unshift(list);
    known.length = Math.min(known.length, MAX_KEY_LISTS);
    return list;
  };
  return (sent, more = NONE) => {
    const { shape, from } = listOf(sent.keys, more.keys);
    const count = sent.values.length;
    const values = new Array<unknown>(from.length);
    for (let place = 0; place < from.length; place += 1) {
      const at = from[place] as number;
      values[place] = at < count ? sent.values[at] : more.values[at - count];
    }
    return new SpanAttributes(shape, values);
  };
}

function hasKeys(keys: readonly string[], same: readonly string[]): boolean {
  if (keys.length !== same.length) return false;
  for (let at = 0; at < keys.length; at += 1) if (keys[at] !== same[at]) return false;
  return true;
}

/** Sorting is stable: of a repeated key the last one counts. */
function keyListOf(sent: readonly string[], more: readonly string[]): KeyList {
  const numbered = [...sent, ...more].map((key, at) => ({ key, at })).sort(byKey);
  const last = numbered.filter(({ key }, at) => numbered[at + 1]?.key !== key);
  return { sent, more, shape: keyShapeOf(last.map(({ key }) => key)), from: last.map(({ at }) => at) };
}
