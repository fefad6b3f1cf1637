import type { KeyObject } from "node:crypto";
import type { Draw } from "../tamper/odd-json.ts";
import { type Element, everyElement, parseElements, signedAnew, writeElements } from "./stamp-parts.ts";

/** A stamp that is changed: by who passes it on, in any byte or element, or by an authority that signs what is odd. */
export function mutantOf(stamp: Buffer, key: KeyObject, draw: Draw): Buffer {
  const change = (bytes: Buffer): Buffer => (draw.chance(0.4) ? changeBytes(bytes, draw) : changeElements(bytes, draw));
  switch (draw.below(4)) {
    case 0:
      return signedAnew(stamp, key, { info: change });
    case 1:
      return signedAnew(stamp, key, { attributes: change });
    default:
      return change(stamp);
  }
}

function changeBytes(bytes: Buffer, draw: Draw): Buffer {
  const at = draw.below(bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + 1)];
  const byte = bytes.subarray(at, at + 1);
  const other = Buffer.of(draw.chance(0.5) ? draw.below(256) : byte.readUInt8() ^ (1 << draw.below(8)));
  return Buffer.concat(
    draw.of([[before, other, after], [before, other, byte, after], [before, after], [before], [bytes, other]]),
  );
}

/** One thing about one or two elements; what they stand in gets lengths that fit. */
function changeElements(bytes: Buffer, draw: Draw): Buffer {
  const all = parseElements(bytes);
  for (let left = 1 + draw.below(2); left > 0; left--) {
    if (all.length === 0) break;
    const { element, among } = draw.of(everyElement(all));
    const other = draw.of(everyElement(all)).element;
    draw.of(CHANGES)(element, among, copyOf(other), draw);
  }
  return writeElements(all);
}

type Change = (element: Element, among: Element[], other: Element, draw: Draw) => void;

const CHANGES: readonly Change[] = [
  (element, _among, _other, draw) =>
    Object.assign(element, { length: draw.chance(0.2) ? "indefinite" : { zeros: draw.below(4) } }),
  (element, _among, other) => void element.inside?.push(other),
  (element, _among, other) => void element.inside?.unshift(other),
  (element, among) => void among.splice(among.indexOf(element), 1),
  (element, among) => void among.splice(among.indexOf(element), 0, copyOf(element)),
  (element, among, other) => void among.splice(among.indexOf(element), 1, other),
  (_element, among) => void among.reverse(),
  (element, _among, other) => Object.assign(element, { tag: other.tag }),
  (element, _among, _other, draw) => Object.assign(element, { tag: draw.below(256) }),
  (element) => Object.assign(element, { inside: null, content: Buffer.alloc(0) }),
  (element, _among, _other, draw) => {
    if (element.inside === null && element.content.length > 0) element.content = changeBytes(element.content, draw);
  },
  (element, _among, other) => {
    if (element.inside === null) element.content = Buffer.concat([element.content, writeElements([other])]);
  },
];

function copyOf(element: Element): Element {
  return { ...element, inside: element.inside?.map(copyOf) ?? null };
}
