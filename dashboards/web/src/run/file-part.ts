import { bytes } from "../format/number.ts";

/** A picture, sound, film or document in a message. */
export interface ReadFile {
  type: "file";
  /** `image · image/png · 12.3 KiB` */
  label: string;
  /** A picture that is whole in the message, as a `data:` address. */
  picture: string | null;
  /** Where it is, when not in the message: an address or an id. Never fetched by the page. */
  place: string | null;
  value: unknown;
}

/** What a browser draws and nothing in it can run. */
const PICTURE = /^data:image\/(png|jpeg|gif|webp|avif);base64,/;
const MIME_OF_DATA = /^data:([^;,]+)/;

/** `blob`, `uri` and `file` of the conventions; null for a part without what they must have. */
export function readFile(part: Record<string, unknown>): ReadFile | null {
  const said = (key: string) => (typeof part[key] === "string" && part[key] !== "" ? part[key] : null);
  const content = part["type"] === "blob" ? said("content") : null;
  const uri = part["type"] === "uri" ? said("uri") : null;
  const id = part["type"] === "file" ? said("file_id") : null;
  const whole = content !== null || uri?.startsWith("data:") === true;
  const address = content === null ? uri : `data:${said("mime_type") ?? ""};base64,${content}`;
  if (address === null && id === null) return null;
  const mime = said("mime_type") ?? (uri === null ? null : (MIME_OF_DATA.exec(uri)?.[1] ?? null));
  const name = said("filename") ?? said("name") ?? said("title");
  const size = whole && address !== null ? bytes(sizeOf(address.slice(address.indexOf(",") + 1))) : null;
  return {
    type: "file",
    label: [said("modality") ?? "file", name, mime, size].filter((word) => word !== null).join(" · "),
    picture: whole && address !== null && PICTURE.test(address) ? address : null,
    place: whole ? null : (uri ?? id),
    value: part,
  };
}

function sizeOf(base64: string): number {
  return Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
}
