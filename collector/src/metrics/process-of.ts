/** Resource attributes (OpenTelemetry) that say where a process runs and which one it is. */
const OF_PROCESS = [
  "host.id",
  "host.name",
  "container.id",
  "k8s.pod.uid",
  "k8s.pod.name",
  "process.pid",
  "service.namespace",
  "service.name",
  "service.instance.id",
] as const;
/** A longer one is no name. */
const MAX_CHARS = 256;

/** The row's `process`: those that the resource tells, as a JSON object; "" when there is none. `unknown_service…` is what an SDK says that was told no name. */
export function processOf(resource: Readonly<Record<string, unknown>>): string {
  const told: Record<string, string> = {};
  let any = false;
  for (const key of OF_PROCESS) {
    const value = resource[key];
    if (value === undefined || value === null || value === "" || typeof value === "object") continue;
    const text = String(value);
    if (text.length > MAX_CHARS || (key === "service.name" && text.startsWith("unknown_service"))) continue;
    told[key] = text;
    any = true;
  }
  return any ? JSON.stringify(told) : "";
}
