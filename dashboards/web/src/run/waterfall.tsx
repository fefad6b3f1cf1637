import type { Run, Step } from "@runledger/contract";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, memo, useEffect, useEffectEvent, useRef } from "react";
import { count, plural } from "../format/number.ts";
import { duration, offset } from "../format/time.ts";
import { Icon } from "../ui/icon.tsx";
import { KindIcon } from "../ui/status-badge.tsx";
import { addressOf, axisMarks, axisStep, type Timeline, type TimelineRow } from "./timeline.ts";

const ROW_PX = 30;
const OVERSCAN = 15;
const PAGE_ROWS = 15;
const DEEPEST_INDENT = 8;

interface WaterfallProps {
  timeline: Timeline;
  run: Run;
  loaded: boolean;
  /** Index of the chosen row, or -1. */
  chosenAt: number;
  onSelect: (stepId: string) => void;
}

/** Steps against time. Only the rows in view exist; arrow keys, Page Up/Down, Home and End move the choice. */
export function Waterfall({ timeline, run, loaded, chosenAt, onSelect }: WaterfallProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const { rows } = timeline;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (index) => rows[index]?.step.record_id ?? index,
  });
  const chosenRecord = rows[chosenAt]?.step.record_id;
  const show = useEffectEvent(() => virtual.scrollToIndex(chosenAt));
  // Only when the choice changes: rows that arrive live must not move the view.
  useEffect(() => {
    if (chosenRecord !== undefined) show();
  }, [chosenRecord]);

  const move = (event: KeyboardEvent) => {
    const to = targetOf(event.key, chosenAt, rows.length);
    const row = to === null ? undefined : rows[to];
    if (!row) return;
    event.preventDefault();
    onSelect(addressOf(row.step));
  };
  const choose = (event: MouseEvent<HTMLElement>) => {
    // The row may scroll out of existence; the keys must go on working.
    event.currentTarget.focus({ preventScroll: true });
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-step]") : null;
    const stepId = row?.dataset["step"];
    if (stepId) onSelect(stepId);
  };
  return (
    <div className="waterfall" ref={scroller}>
      <Axis
        lengthMs={timeline.lengthMs}
        steps={rows.length}
        total={loaded ? rows.length : Math.max(run.steps, rows.length)}
      />
      <div
        className="waterfall-rows"
        role="listbox"
        aria-label="Steps"
        aria-activedescendant={chosenRecord ? rowId(chosenRecord) : undefined}
        tabIndex={0}
        onKeyDown={move}
        onClick={choose}
        style={{
          height: virtual.getTotalSize(),
          "--mark": `${(axisStep(timeline.lengthMs) / timeline.lengthMs) * 100}%`,
        }}
      >
        {virtual.getVirtualItems().map(({ index, start, key }) => {
          const row = rows[index];
          if (!row) return null;
          return (
            <Row
              key={key}
              row={row}
              index={index}
              total={rows.length}
              top={start}
              lengthMs={timeline.lengthMs}
              chosen={index === chosenAt}
            />
          );
        })}
      </div>
      {loaded && rows.length === 0 ? <p className="empty muted">No steps yet.</p> : null}
    </div>
  );
}

interface RowProps {
  row: TimelineRow;
  index: number;
  total: number;
  top: number;
  lengthMs: number;
  chosen: boolean;
}

const Row = memo(function Row({ row, index, total, top, lengthMs, chosen }: RowProps) {
  const { step, depth, startMs } = row;
  const left = (startMs / lengthMs) * 100;
  const width = ((step.latency_ms ?? 0) / lengthMs) * 100;
  const failed = step.status === "error";
  return (
    <div
      id={rowId(step.record_id)}
      data-step={addressOf(step)}
      className="waterfall-row"
      role="option"
      tabIndex={-1}
      aria-selected={chosen}
      aria-posinset={index + 1}
      aria-setsize={total}
      data-error={failed}
      data-repeat={row.repeat !== null}
      style={{ transform: `translateY(${top}px)` }}
    >
      <span className="seq">{step.seq}</span>
      <span className="step-name" style={{ paddingLeft: Math.min(depth, DEEPEST_INDENT) * 16 }}>
        <KindIcon kind={step.kind} />
        <span className="cut" title={step.name}>
          {step.name}
        </span>
        <Marks row={row} />
      </span>
      <span
        className="lane"
        title={`${offset(startMs)}, ${step.latency_ms === null ? "how long is not known" : duration(step.latency_ms)}`}
      >
        <span
          className="bar"
          data-kind={step.kind}
          data-error={failed}
          data-unknown={step.latency_ms === null}
          style={{ left: `${left}%`, width: `max(3px, ${width}%)` }}
        />
      </span>
      <span className="took">{duration(step.latency_ms)}</span>
    </div>
  );
});

/** What deserves a second look, and what was chosen. */
function Marks({ row: { step, repeat } }: { row: TimelineRow }) {
  return (
    <span className="marks">
      {step.kind === "state" && step.operation ? (
        <span className="mark">{step.operation.replaceAll("_", " ")}</span>
      ) : null}
      {step.decision?.choice ? <span className="mark">→ {step.decision.choice}</span> : null}
      {step.approval ? (
        <span className={step.approval.approved ? "mark" : "mark mark-bad"}>
          {step.approval.approved ? "approved" : "denied"}
        </span>
      ) : null}
      {step.tool?.same_as ? <span className="mark">first result again</span> : null}
      {step.tool?.fallback ? <span className="mark mark-warn">fallback</span> : null}
      {step.status === "error" ? (
        <span className="mark mark-bad" title={step.error?.message ?? step.error?.type}>
          {step.error?.type ?? "error"}
        </span>
      ) : null}
      {step.tool?.known === false && step.error?.type !== "unknown_tool" ? (
        <span className="mark mark-bad">unknown tool</span>
      ) : null}
      {step.tool?.valid === false && step.tool.known !== false && step.error?.type !== "invalid_arguments" ? (
        <span className="mark mark-bad">invalid arguments</span>
      ) : null}
      {repeat ? (
        <span
          className="mark mark-warn"
          title={`The same tool with the same arguments: call ${repeat.nth} of ${repeat.of}`}
        >
          same call ×{count(repeat.of)}
        </span>
      ) : null}
      {step.tool?.inferred ? (
        <span
          className="mark"
          title="No span tells of this call: the model asked for it; its result, if any, is in the messages after"
        >
          inferred
        </span>
      ) : null}
      {step.status === null ? (
        <span className="mark" title="Whether the tool ran, and how it went, nobody told">
          no result seen
        </span>
      ) : null}
      {step.llm?.counted === false || step.tool?.same_call_as ? (
        <span className="mark" title={uncountedHint(step)}>
          not counted
        </span>
      ) : null}
      {step.conflict ? (
        <span className="mark mark-warn" title="The same step was sent again with other content">
          conflict
        </span>
      ) : null}
    </span>
  );
}

function uncountedHint({ llm, tool }: Step): string {
  const elsewhere = llm?.same_call_in ?? tool?.same_call_in;
  if (elsewhere)
    return `The same call as a step of run ${elsewhere} tells of: its tokens, cost and call are counted there`;
  return (llm?.same_call_as ?? tool?.same_call_as)
    ? "The same call as another step tells of: its tokens, cost and call are counted there"
    : "A wrapper around model calls: they are counted, it is not";
}

function Axis({ lengthMs, steps, total }: { lengthMs: number; steps: number; total: number }) {
  return (
    <div className="axis">
      <span className="axis-count">
        {steps < total ? (
          <>
            <Icon name="running" className="spin" /> {count(steps)} of {count(total)} steps
          </>
        ) : (
          plural(steps, "step")
        )}
      </span>
      <span className="axis-lane" aria-hidden="true">
        {axisMarks(lengthMs).map((mark) => (
          <span key={mark} style={{ left: `${(mark / lengthMs) * 100}%` }}>
            {mark === 0 ? "0" : duration(mark)}
          </span>
        ))}
      </span>
      <span className="took">Took</span>
    </div>
  );
}

function targetOf(key: string, at: number, length: number): number | null {
  const clamp = (index: number) => Math.max(0, Math.min(length - 1, index));
  if (key === "ArrowDown" || key === "j") return clamp(at + 1);
  if (key === "ArrowUp" || key === "k") return clamp(at - 1);
  if (key === "PageDown") return clamp(at + PAGE_ROWS);
  if (key === "PageUp") return clamp(at - PAGE_ROWS);
  if (key === "Home") return 0;
  return key === "End" ? length - 1 : null;
}

function rowId(recordId: string): string {
  return `step-${recordId}`;
}
