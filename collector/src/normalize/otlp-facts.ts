import type { KeyValue } from "../otlp/otlp.ts";

/** What OTLP says beside the attributes, as attributes `otlp.*`; what is not set makes none. */
export function otlpFacts(facts: readonly (readonly [name: string, value: number | string])[]): KeyValue[] {
  return facts
    .filter(([, value]) => value !== 0 && value !== "")
    .map(([name, value]) => ({
      key: `otlp.${name}`,
      value: typeof value === "number" ? { intValue: value } : { stringValue: value },
    }));
}
