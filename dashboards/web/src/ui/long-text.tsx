import { type ReactNode, useState } from "react";
import { count } from "../format/number.ts";
import { CopyButton } from "./copy-button.tsx";

const FOLDED_CHARS = 1_600;
const FOLDED_LINES = 18;
/** More than this in one go makes the browser's layout the bottleneck. */
const CHUNK_CHARS = 100_000;

interface LongTextProps {
  text: string;
  label: string;
  mono?: boolean;
  /** Colours what is shown. */
  render?: (text: string) => ReactNode;
}

/** Text of unknown length and origin: folded, then shown in chunks. `mono` for code and wire formats. */
export function LongText({ text, label, mono = false, render }: LongTextProps) {
  const [shown, setShown] = useState(0);
  const folded = foldAt(text);
  const end = shown === 0 ? folded : Math.min(shown, text.length);
  const rest = text.length - end;
  return (
    <div className="long-text" data-mono={mono}>
      <pre>
        {render ? render(text.slice(0, end)) : text.slice(0, end)}
        {rest > 0 ? "…" : ""}
      </pre>
      {folded < text.length ? (
        <div className="long-text-actions">
          {rest > 0 ? (
            <button type="button" className="link-button" onClick={() => setShown(end + CHUNK_CHARS)}>
              Show {rest > CHUNK_CHARS ? "more" : "all"} ({count(rest)} more characters)
            </button>
          ) : (
            <button type="button" className="link-button" onClick={() => setShown(0)}>
              Show less
            </button>
          )}
          <CopyButton text={text} label={label} />
        </div>
      ) : null}
    </div>
  );
}

/** Where the folded text ends: a number of lines or characters, whichever is less. */
function foldAt(text: string): number {
  let at = -1;
  for (let line = 0; line < FOLDED_LINES; line++) {
    at = text.indexOf("\n", at + 1);
    if (at < 0) return text.length <= FOLDED_CHARS * 1.25 ? text.length : FOLDED_CHARS;
  }
  const end = Math.min(at, FOLDED_CHARS);
  // Not worth a button for a line or two.
  return text.length - end < 200 ? text.length : end;
}
