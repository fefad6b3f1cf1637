import { type ReactNode, useState } from "react";
import { Icon } from "../ui/icon.tsx";

interface SectionProps {
  title: string;
  note?: ReactNode;
  /** Closed at first; its content is only made when it is opened. */
  folded?: boolean;
  children: ReactNode;
}

export function Section({ title, note, folded = false, children }: SectionProps) {
  const [open, setOpen] = useState(!folded);
  return (
    <section className="section">
      <h3>
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? "down" : "right"} />
          {title}
          {note ? <span className="section-note">{note}</span> : null}
        </button>
      </h3>
      {open ? <div className="section-body">{children}</div> : null}
    </section>
  );
}

interface PairProps {
  label: string;
  note?: string | null;
  hint?: string | undefined;
  children: ReactNode;
}

/** A value with its name above; nothing when the value is null. */
export function Pair({ label, note, hint, children }: PairProps) {
  if (children === null) return null;
  return (
    <div title={hint}>
      <dt>{label}</dt>
      <dd>{children}</dd>
      {note ? <dd className="pair-note">{note}</dd> : null}
    </div>
  );
}
