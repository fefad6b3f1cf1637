import { createHash, type KeyObject, sign } from "node:crypto";

/** Elements of DER, to be changed and written again, as DER or not. */
export interface Element {
  tag: number;
  /** Null: it has `content`. */
  inside: Element[] | null;
  content: Buffer;
  /** How its length is written: as DER has it; as a long one even if it is short, with so many zeros before it; or as one that ends with two zeros. */
  length?: { zeros: number } | "indefinite";
}

export function parseElements(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.readUInt8(at);
    const first = bytes.readUInt8(at + 1);
    const more = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + more;
    at = start + (more === 0 ? first : bytes.readUIntBE(at + 2, more));
    const content = bytes.subarray(start, at);
    elements.push({ tag, inside: (tag & 0x20) === 0 ? null : parseElements(content), content });
  }
  return elements;
}

export function writeElements(elements: readonly Element[]): Buffer {
  return Buffer.concat(elements.map(writeElement));
}

function writeElement({ tag, inside, content, length }: Element): Buffer {
  const bytes = inside === null ? content : writeElements(inside);
  if (length === "indefinite") return Buffer.concat([Buffer.of(tag, 0x80), bytes, Buffer.alloc(2)]);
  const digits = bytes.length.toString(16);
  const size = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  const octets = Buffer.concat([Buffer.alloc(length?.zeros ?? 0), size]);
  const isShort = bytes.length < 0x80 && length === undefined;
  return Buffer.concat([
    Buffer.of(tag),
    isShort ? size : Buffer.concat([Buffer.of(0x80 + octets.length), octets]),
    bytes,
  ]);
}

/** Every element, with those beside it. */
export function everyElement(elements: Element[]): { element: Element; among: Element[] }[] {
  return elements.flatMap((element) => [{ element, among: elements }, ...everyElement(element.inside ?? [])]);
}

const MESSAGE_DIGEST = "2a864886f70d010904";

/** The stamp as an authority would sign it that writes its TSTInfo or its signed attributes so: its digest and signature are made anew. */
export function signedAnew(
  response: Buffer,
  key: KeyObject,
  edit: { info?: (info: Buffer) => Buffer; attributes?: (attributes: Buffer) => Buffer },
): Buffer {
  const all = parseElements(response);
  const parts = elementAt(all, [0, 1, 1, 0]).inside ?? [];
  const octets = elementAt(parts, [2, 1, 0]);
  const signer = elementAt(parts.slice(-1), [0, 0]).inside ?? [];
  const attributes = elementAt(signer, [3]);
  octets.content = edit.info?.(octets.content) ?? octets.content;
  for (const { inside } of attributes.inside ?? [])
    if (inside?.[0]?.content.toString("hex") === MESSAGE_DIGEST)
      elementAt(inside, [1, 0]).content = createHash("sha256").update(octets.content).digest();
  const written = writeElements(attributes.inside ?? []);
  Object.assign(attributes, { inside: null, content: edit.attributes?.(written) ?? written });
  elementAt(signer, [5]).content = sign("sha256", writeElements([{ ...attributes, tag: 0x31 }]), key);
  return writeElements(all);
}

export function elementAt(elements: readonly Element[], path: readonly number[]): Element {
  const [index = 0, ...further] = path;
  const element = elements[index];
  if (element === undefined) throw new RangeError("there is no such element");
  return further.length === 0 ? element : elementAt(element.inside ?? [], further);
}
