import { isMembers, type Members } from "./json-object.ts";

/**
 * A picture, sound, film or document of OpenAI, Anthropic, Gemini, Bedrock, LangChain or the AI SDK in the form of the conventions: `uri` by its address,
 * `file` by an id, `blob` by its bytes in base64. What has no word there stays beside. null: it is none, or can't be told.
 */
export function filePart({ type, ...part }: Members): Members | null {
  switch (type) {
    case undefined:
      return untypedFile(part);
    case "image_url": {
      const { image_url: image, ...beside } = part;
      const { url, ...more }: Members = isMembers(image) ? image : { url: image };
      return { ...beside, ...more, type: "uri", modality: "image", uri: url };
    }
    case "input_image": {
      const { image_url: url, image, file_id: id, ...beside } = part;
      return placed("image", undefined, url ?? image, id, beside);
    }
    case "input_audio": {
      const { input_audio: audio, ...beside } = part;
      const { data, format, ...more }: Members = isMembers(audio) ? audio : {};
      const told = typeof format === "string" ? { mime_type: `audio/${format}` } : { format };
      return { ...beside, ...more, type: "blob", modality: "audio", ...told, content: data };
    }
    case "input_file":
      return openaiFile(part);
    case "file":
    case "image":
    case "audio":
    case "video":
    case "document": {
      const { file, ...beside } = part;
      return isMembers(file) ? openaiFile({ ...beside, ...file }) : givenFile(type, part);
    }
    default:
      return null;
  }
}

function openaiFile({ file_id: id, file_url: url, file_data: data, ...beside }: Members): Members | null {
  return placed("document", undefined, url ?? data, id, beside);
}

/** Its bytes or address may be told in a `source` (Anthropic) or `data` (AI SDK) that says which they are. */
function givenFile(type: string, part: Members): Members | null {
  const { data, image, source, url, file_id: id, mediaType, mimeType, mime_type, modality, ...beside } = part;
  const given = data ?? image ?? source ?? url;
  const {
    type: form,
    data: bytes,
    url: address,
    text,
    media_type,
    file_id,
    ...more
  }: Members = isMembers(given) ? given : { data: given };
  const said = bytes ?? address ?? text;
  const mime = mediaType ?? mimeType ?? mime_type ?? media_type;
  if (form === "text") return { ...beside, ...more, type: "text", ...mimeMember(mime), content: said };
  const what = modality ?? (type === "file" ? modalityOf(mime) : type);
  return placed(what, mime, said, file_id ?? id, { ...beside, ...more });
}

/** Gemini and Bedrock name a part by its one member. */
function untypedFile(part: Members): Members | null {
  const { inlineData, inline_data, fileData, file_data, ...beside } = part;
  const given = inlineData ?? inline_data ?? fileData ?? file_data;
  if (isMembers(given)) {
    const mime = given["mimeType"] ?? given["mime_type"];
    return placed(modalityOf(mime), mime, given["data"] ?? given["fileUri"] ?? given["file_uri"], null, beside);
  }
  const modality = ["image", "document", "video"].find((name) => isMembers(part[name]));
  if (modality === undefined) return null;
  const { [modality]: file, ...around } = part;
  const { format, source, ...more } = file as Members;
  const { bytes, s3Location }: Members = isMembers(source) ? source : {};
  const mime =
    typeof format === "string" ? `${modality === "document" ? "application" : modality}/${format}` : undefined;
  return placed(modality, mime, bytes ?? (isMembers(s3Location) ? s3Location["uri"] : null), null, {
    ...around,
    ...more,
  });
}

function placed(modality: unknown, mime: unknown, said: unknown, id: unknown, beside: Members): Members | null {
  const about = { modality, ...mimeMember(mime) };
  if (typeof said === "string" && said !== "")
    return /^(https?|gs|s3|data|file):/.test(said)
      ? { ...beside, type: "uri", ...about, uri: said }
      : { ...beside, type: "blob", ...about, content: said };
  return typeof id === "string" ? { ...beside, type: "file", ...about, file_id: id } : null;
}

function mimeMember(mime: unknown): Members {
  return typeof mime === "string" ? { mime_type: mime } : {};
}

function modalityOf(mime: unknown): string {
  if (typeof mime !== "string") return "document";
  const [family = ""] = mime.split("/");
  return family === "application" || family === "text" ? "document" : family;
}
