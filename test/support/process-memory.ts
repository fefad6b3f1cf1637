import { readFileSync, writeFileSync } from "node:fs";

/** Most memory that a process and its children had in RAM since `resetPeaks`, bytes. Linux only. */
export function peakBytes(pid: number): { product: number; clickhouse: number } {
  return { product: peakOf(pid), clickhouse: childrenOf(pid).reduce((sum, child) => sum + peakOf(child), 0) };
}

export function resetPeaks(pid: number): void {
  for (const each of [pid, ...childrenOf(pid)]) writeFileSync(`/proc/${each}/clear_refs`, "5");
}

function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}
