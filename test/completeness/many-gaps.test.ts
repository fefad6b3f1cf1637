import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createRunCompleteness } from "@runledger/contract";
import { expect, test } from "vitest";

const PYTHON_DIR = fileURLToPath(new URL("../../verify/python/", import.meta.url));
/** The second verifier's own class, given the records in the same order. */
const PYTHON = `
import hashlib, sys, time
sys.path.insert(0, sys.argv[1])
import runledger_verify as v
chains, findings = v.Chains(), v.Findings()
id_of = lambda n: hashlib.sha256(str(n).encode()).hexdigest()
records = int(sys.argv[2])
began = time.monotonic()
for n in [int(line) for line in sys.stdin]:
    end = {"records": records} if n == records - 1 else None
    chains.add({"tenant": "t", "run_id": "r", "event": "step", "record_id": id_of(n), "run_seq": n, "run_prev": id_of(n - 1) if n else None,
                "received_time": "2026-01-01T00:00:00.000000000Z", "run": dict.fromkeys(v.FACTS + ("heartbeat_interval_ms",)), "end": end, "operation": None, "status": "ok", "tool": None, "kind": "other", "llm": None, "cost": None,
                "trace_id": "", "step_id": "", "parent_id": None, "start_time": "", "end_time": "", "name": "step", "error": None, "attributes": {}, "events": []})
chains.finish("log", findings)
print("%.1f" % (time.monotonic() - began))
for finding in findings.list:
    print(finding["what"])
`;
const RECORDS = 200_001;
const idOf = (number: number): string => createHash("sha256").update(String(number)).digest("hex");

function problemsOf(numbers: readonly number[]): { node: string[]; python: string[]; seconds: [number, number] } {
  const completeness = createRunCompleteness(Buffer.alloc(16, 1));
  const began = performance.now();
  for (const number of numbers)
    completeness.add({
      ...{ tenant: "t", run_id: "r", event: "step", record_id: idOf(number), run_seq: number },
      ...(number === 0 ? {} : { run_prev: idOf(number - 1) }),
      ...{ received_time: "2026-01-01T00:00:00.000000000Z", operation: null, status: "ok", tool: null },
      ...{
        kind: "other",
        llm: null,
        cost: null,
        ...{ name: "step", error: null, attributes: {}, events: [] },
        trace_id: "",
        step_id: "",
        parent_id: null,
        start_time: "",
        end_time: "",
      },
      run: { ...NOBODY, heartbeat_interval_ms: null },
      end: number === RECORDS - 1 ? { status: "completed", outcome: null, reason: null, records: RECORDS } : null,
    });
  const node = completeness.finish("log").problems.map(({ what }) => what);
  const nodeSeconds = (performance.now() - began) / 1000;
  const [pythonSeconds, ...python] = execFileSync("python3", ["-c", PYTHON, PYTHON_DIR, String(RECORDS)], {
    input: numbers.join("\n"),
    encoding: "utf8",
  })
    .trimEnd()
    .split("\n");
  return { node, python, seconds: [nodeSeconds, Number(pythonSeconds)] };
}

const NOBODY = {
  task_id: null,
  task_type: null,
  agent_name: null,
  agent_version: null,
  session_id: null,
  user_id: null,
};
const EVEN = Array.from({ length: RECORDS }, (_, i) => RECORDS - 1 - i).filter((number) => number % 2 === 0);
const ODD = Array.from({ length: RECORDS }, (_, i) => i).filter((number) => number % 2 === 1);

test("100,000 gaps in one run are found, and closed again, in no more time than the records take, by both verifiers", () => {
  const gaps = problemsOf(EVEN);
  expect(gaps.node).toHaveLength(1);
  expect(gaps.node[0]).toMatch(/^records 1, 3, 5, .*, 39 of 200001 never arrived/);
  expect(gaps.python).toEqual(gaps.node);
  const closed = problemsOf([...EVEN, ...ODD]);
  expect([closed.node, closed.python]).toEqual([[], []]);
  const [a, b] = [gaps.seconds, closed.seconds].map(([node, python]) => `${node.toFixed(1)} s, ${python} s`);
  process.stdout.write(`100,000 gaps, the end first: ${a} (Node, Python); closed by 100,000 late records: ${b}\n`);
}, 120_000);
