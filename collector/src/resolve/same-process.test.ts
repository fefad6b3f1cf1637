import { expect, it } from "vitest";
import { processOf } from "../metrics/process-of.ts";
import { mayBeSameProcess } from "./same-process.ts";

const HERE = { "host.name": "a", "process.pid": 7, "service.name": "support" };

it.each([
  ["nothing told", {}, HERE, true],
  ["only what an SDK says that was told no name", { "service.name": "unknown_service:node" }, HERE, true],
  ["the same id at the same place, by another name", HERE, { ...HERE, "service.name": "langfuse" }, true],
  ["another id of a process", HERE, { ...HERE, "process.pid": 8 }, false],
  ["another host", HERE, { ...HERE, "host.name": "b" }, false],
  ["another pod with the same host name", { ...HERE, "k8s.pod.uid": "1" }, { ...HERE, "k8s.pod.uid": "2" }, false],
  ["another name, and no place", { "service.name": "support" }, { "service.name": "gateway" }, false],
  [
    "the same id, as in containers, but no place",
    { ...HERE, "host.name": "" },
    { "process.pid": 7, "service.name": "x" },
    false,
  ],
  ["another instance", { "service.instance.id": "1" }, { "service.instance.id": "2" }, false],
])("%s", (_, one, other, expected) => {
  expect(mayBeSameProcess(processOf(one), processOf(other))).toBe(expected);
  expect(mayBeSameProcess(processOf(other), processOf(one))).toBe(expected);
});

it("keeps of a resource what names a process, and nothing without end", () => {
  expect(processOf({ ...HERE, "service.version": "1", "host.id": "x".repeat(300) })).toBe(
    '{"host.name":"a","process.pid":"7","service.name":"support"}',
  );
  expect(processOf({ "telemetry.sdk.name": "opentelemetry" })).toBe("");
});
