const PLACES = ["host.id", "host.name", "container.id", "k8s.pod.uid", "k8s.pod.name"];
const NAMES = ["service.namespace", "service.name", "service.instance.id"];
const PID = "process.pid";

/**
 * Whether two rows' `process` (metrics/process-of.ts) may be one. Nothing that both tell of host, container, pod or process id may differ. The same process
 * id at the same place is the same process, whatever two SDKs in it call it; otherwise names may not differ either.
 */
export function mayBeSameProcess(a: string, b: string): boolean {
  if (a === b || a === "" || b === "") return true;
  const [one, other] = [toldIn(a), toldIn(b)];
  const both = (keys: readonly string[]) => keys.filter((key) => one.has(key) && other.has(key));
  const agree = (keys: readonly string[]) => both(keys).every((key) => one.get(key) === other.get(key));
  if (!agree([...PLACES, PID])) return false;
  return (both([PID]).length > 0 && both(PLACES).length > 0) || agree(NAMES);
}

/** Whether both tell what names one process among all: its id and a place, or an instance of a service. */
export function isSameProcess(a: string, b: string): boolean {
  if (a === "" || b === "" || !mayBeSameProcess(a, b)) return false;
  const [one, other] = [toldIn(a), toldIn(b)];
  const bothTell = (key: string) => one.has(key) && one.get(key) === other.get(key);
  return bothTell("service.instance.id") || (bothTell(PID) && PLACES.some(bothTell));
}

function toldIn(process: string): Map<string, unknown> {
  return new Map(Object.entries(JSON.parse(process)));
}
