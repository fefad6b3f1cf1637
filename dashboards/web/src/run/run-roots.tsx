import type { RunDetail, Step } from "@runledger/contract";
import { useState } from "react";
import { count } from "../format/number.ts";
import { Icon } from "../ui/icon.tsx";
import { StepContent } from "./step-content.tsx";

/** Of more the ids are in the API. */
const SHOWN_ROOTS = 3;

type Root = RunDetail["roots"][number];

interface RunRootsProps {
  run: RunDetail;
  steps: Step[];
  onSelect: (stepId: string) => void;
}

/** What the run as a whole was asked, and what it answered: it is no step. */
export function RunRoots({ run, ...rest }: RunRootsProps) {
  const more = run.roots.length - SHOWN_ROOTS;
  return (
    <>
      {run.roots.slice(0, SHOWN_ROOTS).map((root) => (
        <RunRoot key={root.record_id} runId={run.run_id} root={root} isOnly={run.roots.length === 1} {...rest} />
      ))}
      {more > 0 ? <p className="muted">{count(more)} more roots of this trace are in the API</p> : null}
    </>
  );
}

interface RunRootProps extends Omit<RunRootsProps, "run"> {
  runId: string;
  root: Root;
  isOnly: boolean;
}

function RunRoot({ runId, root, isOnly, steps, onSelect }: RunRootProps) {
  const [open, setOpen] = useState(false);
  return (
    <section className="run-root" aria-label={`The run as a whole: ${root.name}`}>
      {isOnly ? null : (
        <h2 className="step-status" data-status={root.status}>
          <Icon name={root.status === "ok" ? "completed" : "failed"} /> {root.name}
        </h2>
      )}
      <dl>
        <Words label="Asked" words={root.input_preview} />
        <Words label="Answered" words={root.output_preview} />
      </dl>
      <button type="button" className="link-button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "right"} />
        The record of the run as a whole
      </button>
      {open ? (
        <div className="run-root-content">
          <StepContent runId={runId} step={root} steps={steps} onSelect={onSelect} />
        </div>
      ) : null}
    </section>
  );
}

function Words({ label, words }: { label: string; words: string }) {
  if (words === "") return null;
  return (
    <div className="run-root-words">
      <dt>{label}</dt>
      <dd title={words}>{words}</dd>
    </div>
  );
}
