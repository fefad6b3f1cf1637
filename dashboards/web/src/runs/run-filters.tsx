import { useQuery } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useState } from "react";
import { usageQuery } from "../api/queries.ts";
import { Icon } from "../ui/icon.tsx";
import { STATUS_LABELS } from "../ui/status-badge.tsx";
import {
  DEFAULT_RANGE,
  isFiltered,
  RANGES,
  type RunSearch,
  STATUSES,
  TEXT_FILTERS,
  type TextFilter,
} from "./run-search.ts";

const TYPING_PAUSE_MS = 300;

type Change = (change: Record<string, string | undefined>, replace?: boolean) => void;

interface RunFiltersProps {
  search: RunSearch;
  /** The list is there: now the choices may be asked for. */
  ready: boolean;
  onChange: Change;
}

/** Every filter is part of the address, so a view can be sent to a colleague. */
export function RunFilters({ search, ready, onChange }: RunFiltersProps) {
  const clear = () =>
    onChange({ status: undefined, ...Object.fromEntries(TEXT_FILTERS.map((name) => [name, undefined])) });
  return (
    <search className="filters">
      <TextInput
        name="q"
        label="Search"
        placeholder="Search run, task, agent, step…"
        search={search}
        onChange={onChange}
      />
      <Choice
        label="Status"
        value={search.status}
        options={STATUSES.map((value) => ({ value, label: STATUS_LABELS[value] }))}
        onChange={(status) => onChange({ status })}
      />
      <Dimension name="agent" label="Agent" search={search} ready={ready} onChange={onChange} />
      <Dimension name="task_type" label="Task type" search={search} ready={ready} onChange={onChange} />
      <Dimension name="model" label="Model" search={search} ready={ready} onChange={onChange} />
      <Dimension name="tool" label="Tool" search={search} ready={ready} onChange={onChange} />
      <TextInput name="user" label="User" search={search} onChange={onChange} />
      <TextInput name="session" label="Session" search={search} onChange={onChange} />
      <label className="filter filter-range">
        <select
          aria-label="Started"
          value={search.range ?? DEFAULT_RANGE}
          onChange={(event) => onChange({ range: event.target.value })}
        >
          {RANGES.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {isFiltered(search) ? (
        <button type="button" className="link-button" onClick={clear}>
          Clear filters
        </button>
      ) : null}
    </search>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  options: { value: string; label: string }[];
  onChange: (value: string | undefined) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label className="filter" data-active={value !== undefined}>
      <select aria-label={label} value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)}>
        <option value="">{label}</option>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}

interface DimensionProps extends RunFiltersProps {
  name: "agent" | "task_type" | "model" | "tool";
  label: string;
}

/** Offers the values that occur in the time range, most used first. */
function Dimension({ name, label, search, ready, onChange }: DimensionProps) {
  const { data } = useQuery(usageQuery(search, name, ready));
  const current = search[name];
  const seen = (data?.items ?? [])
    .toSorted((a, b) => b.runs - a.runs)
    .flatMap((row) => row.group[name] || [])
    .filter((value) => value !== current);
  const options = [...(current ? [current] : []), ...seen].map((value) => ({ value, label: value }));
  return <Choice label={label} value={current} options={options} onChange={(value) => onChange({ [name]: value })} />;
}

interface TextInputProps {
  name: TextFilter;
  label: string;
  placeholder?: string;
  search: RunSearch;
  onChange: Change;
}

function TextInput({ name, label, placeholder = label, search, onChange }: TextInputProps) {
  const value = search[name] ?? "";
  const [text, setText] = useState(value);
  const change = useEffectEvent((typed: string) => onChange({ [name]: typed || undefined }, true));
  // The address may change without typing: back, forward, "clear filters".
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => change(text.trim()), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <label className={`filter filter-text filter-${name}`} data-active={value !== ""}>
      {name === "q" ? <Icon name="search" /> : null}
      <input
        aria-label={label}
        type="search"
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
      />
    </label>
  );
}
