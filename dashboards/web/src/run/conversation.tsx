import { memo, useState } from "react";
import { count } from "../format/number.ts";
import { Icon } from "../ui/icon.tsx";
import { JsonView } from "../ui/json-view.tsx";
import { LongText } from "../ui/long-text.tsx";
import type { ReadFile } from "./file-part.ts";
import { type ReadPart, readMessage } from "./message.ts";

/** Of a long history the newest are shown; each click brings as many more. */
const SHOWN_MESSAGES = 30;

export function Conversation({ messages, label }: { messages: unknown[]; label: string }) {
  const [shown, setShown] = useState(SHOWN_MESSAGES);
  const from = Math.max(0, messages.length - shown);
  return (
    <>
      {from > 0 ? (
        <button type="button" className="link-button" onClick={() => setShown(shown + SHOWN_MESSAGES)}>
          {count(from)} earlier messages
        </button>
      ) : null}
      <ol className="conversation" aria-label={label} start={from + 1}>
        {[...messages.entries()].slice(from).map(([at, message]) => (
          <Message key={at} raw={message} />
        ))}
      </ol>
    </>
  );
}

const Message = memo(function Message({ raw }: { raw: unknown }) {
  const { role, parts } = readMessage(raw);
  return (
    <li className="message" data-role={role}>
      <span className="role">{role}</span>
      <div className="message-parts">
        {[...parts.entries()].map(([at, part]) => (
          <Part key={at} part={part} />
        ))}
        {parts.length === 0 ? <span className="muted">empty</span> : null}
      </div>
    </li>
  );
});

function Part({ part }: { part: ReadPart }) {
  switch (part.type) {
    case "text":
      return <LongText text={part.text} label="text" />;
    case "reasoning":
      return (
        <div className="reasoning">
          <span className="part-label">Reasoning</span>
          <LongText text={part.text} label="reasoning" />
        </div>
      );
    case "call":
      return (
        <div className="part-box">
          <span className="part-label">
            <Icon name="tool" /> {part.name} {part.id ? <span className="mono muted">{part.id}</span> : null}
          </span>
          <JsonView value={part.arguments} label="arguments" />
        </div>
      );
    case "result":
      return (
        <div className="part-box">
          <span className="part-label">Result {part.id ? <span className="mono muted">{part.id}</span> : null}</span>
          <JsonView value={part.value} label="result" />
        </div>
      );
    case "file":
      return <FilePart file={part} />;
    default:
      return (
        <div className="part-box">
          <span className="part-label">{part.label}</span>
          <JsonView value={part.value} label={part.label} />
        </div>
      );
  }
}

/** A picture is drawn; of the rest is said what and where it is. As it was sent, when one asks for it. */
function FilePart({ file }: { file: ReadFile }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="part-box">
      <span className="part-label">{file.label}</span>
      {file.picture ? <img className="picture" src={file.picture} alt={file.label} /> : null}
      {file.place ? <span className="mono file-place">{file.place}</span> : null}
      <button type="button" className="link-button" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide" : "As it was sent"}
      </button>
      {open ? <JsonView value={file.value} label={file.label} /> : null}
    </div>
  );
}
