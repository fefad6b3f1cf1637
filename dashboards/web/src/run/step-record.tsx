import type { StepDetail } from "@runledger/contract";
import { count } from "../format/number.ts";
import { CopyButton } from "../ui/copy-button.tsx";
import { JsonView } from "../ui/json-view.tsx";
import { outputTitle } from "./agent-content.tsx";
import { Section } from "./section.tsx";

/** Where the log holds this step, and how to prove it without trusting this page. */
export function Proof({ step }: { step: StepDetail }) {
  const shownBy = step.shown_by ?? step.record_id;
  return (
    <Section title="Record in the log" note={step.log_index === null ? "not yet" : `entry ${count(step.log_index)}`}>
      <HashLine label={step.shown_by === null ? "Record id" : "Shown by record"} hash={shownBy} />
      {step.log_index === null ? (
        <p className="muted">The record is durable in the journal and waits for its place in the log.</p>
      ) : (
        <p>
          <a href={`/v1/audit/proof?record_id=${encodeURIComponent(shownBy)}`} target="_blank" rel="noreferrer">
            Inclusion proof
          </a>
        </p>
      )}
    </Section>
  );
}

/** What no field of the page shows, kept as it came. */
export function OtherContent({ step }: { step: StepDetail }) {
  const attributes = Object.keys(step.attributes).length;
  const title = outputTitle(step);
  // A step that is neither a model nor a tool call has nothing else to say.
  const unfolded = step.llm === null && step.tool === null;
  return (
    <>
      {isGiven(step.input) ? (
        <Section title="Input">
          <JsonView value={step.input} label="input" />
        </Section>
      ) : null}
      {isGiven(step.output) && title !== null ? (
        <Section title={title}>
          <JsonView value={step.output} label="output" />
        </Section>
      ) : null}
      {attributes > 0 ? (
        <Section title="Attributes" note={count(attributes)} folded={!unfolded}>
          <JsonView value={step.attributes} label="attributes" />
        </Section>
      ) : null}
      {step.events.length > 0 ? (
        <Section title="Events" note={count(step.events.length)} folded>
          <JsonView value={step.events} label="events" />
        </Section>
      ) : null}
      {step.links.length > 0 ? (
        <Section title="Links" note={count(step.links.length)} folded>
          <JsonView value={step.links} label="links" />
        </Section>
      ) : null}
      <Section title="Origin" note={step.scope.name} folded>
        <JsonView value={{ scope: step.scope, resource: step.resource }} label="origin" />
      </Section>
    </>
  );
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** `keyed`: of what the agent withheld they are made with its own key. */
export function Hashes({ hashes, keyed }: { hashes: [label: string, hash: string | null][]; keyed: boolean }) {
  const known = hashes.flatMap(([label, hash]) => (hash === null ? [] : [{ label, hash }]));
  if (known.length === 0) return null;
  return (
    <Section title="Hashes" note={keyed ? "SHA-256, of what was withheld keyed (HMAC)" : "SHA-256"} folded>
      {known.map(({ label, hash }) => (
        <HashLine key={label} label={label} hash={hash} />
      ))}
    </Section>
  );
}

function HashLine({ label, hash }: { label: string; hash: string }) {
  return (
    <p className="hash-line">
      <span className="muted">{label}</span>
      <code className="cut" title={hash}>
        {hash}
      </code>
      <CopyButton text={hash} label={label.toLowerCase()} />
    </p>
  );
}
