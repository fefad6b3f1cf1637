export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

/**
 * Copies of some lines with one member of one line changed: removed, null, of another type, and with values that it has in other lines; and with members
 * that it has not.
 */
export function* changedMembers(
  lines: readonly Json[],
  added: { [member: string]: Json } = {},
): Generator<{ name: string; changed: Json[] }> {
  const values = new Map<string, Json[]>();
  for (const line of lines) for (const [path, value] of membersOf(line)) noteValue(values, nameOf(path), value);
  const shapes = new Set<string>();
  for (const [at, line] of lines.entries()) {
    const shape = shapeOf(line);
    if (shapes.has(shape)) continue;
    shapes.add(shape);
    const replaced = (changed: Json): Json[] => lines.map((each, i) => (i === at ? changed : each));
    for (const [path, value] of membersOf(line)) {
      const name = nameOf(path);
      yield { name: `${name} removed (line ${at})`, changed: replaced(removedAt(line, path)) };
      for (const other of [...others(value), ...(values.get(name) ?? [])])
        yield {
          name: `${name} ${JSON.stringify(other).slice(0, 80)} (line ${at})`,
          changed: replaced(setAt(line, path, other)),
        };
    }
    if (typeof line !== "object" || Array.isArray(line)) continue;
    for (const [name, value] of Object.entries({ ...added, zzz: 1 }))
      if (!(name in (line ?? {})))
        yield { name: `${name} added (line ${at})`, changed: replaced({ ...line, [name]: value }) };
  }
}

const MAX_VALUES = 4;

/** Of lines that are alike, the first few values of each member. */
function noteValue(values: Map<string, Json[]>, name: string, value: Json): void {
  const known = values.get(name) ?? [];
  values.set(name, known);
  if (known.length < MAX_VALUES && !known.some((each) => JSON.stringify(each) === JSON.stringify(value)))
    known.push(value);
}

type Path = readonly (string | number)[];

function nameOf(path: Path): string {
  return path.join(".");
}

/** All members at every depth, as their paths, with their values. */
function* membersOf(value: Json, path: Path = []): Generator<[Path, Json]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const below = [...path, Array.isArray(value) ? Number(key) : key];
    yield [below, member];
    yield* membersOf(member, below);
  }
}

/** Which members it has, and what it says of its kind. */
function shapeOf(line: Json): string {
  return [...membersOf(line)]
    .map(([path, value]) => `${nameOf(path)}${/media_type|event/.test(nameOf(path)) ? value : ""}`)
    .join();
}

/** Of its own type and of others. */
function others(value: Json): Json[] {
  const own: Json[] = [];
  if (typeof value === "string")
    own.push(
      "",
      `${value}0`,
      value.replace(/[0-9a-f]$/, (digit) => (digit === "0" ? "1" : "0")),
    );
  if (typeof value === "string")
    own.push(
      value.replace(/^[0-9a-f]/, (digit) => (digit === "0" ? "1" : "0")),
      "text/plain",
      "application/json",
    );
  if (typeof value === "number") own.push(value + 1, value - 1, 0);
  if (typeof value === "boolean") own.push(!value);
  return [...own, null, 7, "x", [], {}];
}

function setAt(value: Json, [key, ...rest]: Path, member: Json): Json {
  if (key === undefined) return member;
  if (Array.isArray(value)) return value.map((each, i) => (i === key ? setAt(each, rest, member) : each));
  const from = value as { [member: string]: Json };
  return { ...from, [key]: setAt(from[key] as Json, rest, member) };
}

function removedAt(value: Json, [key, ...rest]: Path): Json {
  if (Array.isArray(value)) {
    if (rest.length === 0) return value.filter((_, i) => i !== key);
    return value.map((each, i) => (i === key ? removedAt(each, rest) : each));
  }
  const { [key as string]: member, ...others } = value as { [member: string]: Json };
  return rest.length === 0 ? others : { ...others, [key as string]: removedAt(member as Json, rest) };
}
