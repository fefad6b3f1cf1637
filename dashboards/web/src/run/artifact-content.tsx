import type { StepDetail } from "@runledger/contract";
import { useEffect, useState } from "react";
import { bytes } from "../format/number.ts";
import { LongText } from "../ui/long-text.tsx";
import { Pair, Section } from "./section.tsx";

interface ArtifactContentProps {
  name: string;
  artifact: NonNullable<StepDetail["artifact"]>;
  /** A text, or `{bytes}` in base64; null when only its hash was recorded, or while it is on its way. */
  content: unknown;
}

/** An artifact's bytes are only ever saved: whatever they claim to be, the page does not render them. */
export function ArtifactContent({ name, artifact, content }: ArtifactContentProps) {
  const text = typeof content === "string" ? content : null;
  return (
    <>
      <dl className="pairs">
        <Pair label="Media type">{artifact.media_type}</Pair>
        <Pair label="Size">{bytes(artifact.size_bytes)}</Pair>
        <Pair label="SHA-256">
          <span className="mono">{artifact.sha256}</span>
        </Pair>
        <Pair label="Content">
          <SaveLink name={name} content={content} />
        </Pair>
      </dl>
      {text === null ? null : (
        <Section title="Content">
          <LongText text={text} mono label="content" />
        </Section>
      )}
    </>
  );
}

function SaveLink({ name, content }: { name: string; content: unknown }) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const held = bytesOf(content);
    if (held === null) return;
    const made = URL.createObjectURL(new Blob([held], { type: "application/octet-stream" }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [content]);
  if (bytesOf(content) === null) return <span className="muted">its hash only</span>;
  return (
    <a href={address} download={name}>
      Save {name}
    </a>
  );
}

function bytesOf(content: unknown): string | Uint8Array<ArrayBuffer> | null {
  if (typeof content === "string") return content;
  if (typeof content !== "object" || content === null || !("bytes" in content)) return null;
  if (typeof content.bytes !== "string") return null;
  return Uint8Array.from(atob(content.bytes), (character) => character.charCodeAt(0));
}
