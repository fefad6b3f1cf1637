import { Counter, Gauge, type Registry } from "prom-client";
import type { Follower } from "./follower.ts";

/** What an operator sees of the integration. */
export interface IntegrateMetrics {
  records: Counter<"sink">;
  duplicates: Counter<"sink">;
  conflicts: Counter<"sink">;
  undigested: Counter;
  treeSize: Gauge;
  /** Shows, for each follower, how far it is. */
  watch(name: string, follower: Follower): void;
}

export function createIntegrateMetrics(registry: Registry): IntegrateMetrics {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: ["sink"], registers });
  const followers = new Map<string, Follower>();
  const perFollower = (name: string, help: string, value: (follower: Follower) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["sink"],
      registers,
      collect() {
        for (const [sink, follower] of followers) this.set({ sink }, value(follower));
      },
    });
  perFollower("runledger_integrated_next_seq", "Next journal frame to be integrated", (follower) => follower.nextSeq());
  perFollower("runledger_integration_caught_up", "1 when all journalled frames are integrated", (follower) =>
    Number(follower.caughtUp()),
  );
  perFollower("runledger_integration_in_trouble", "1 while a sink can't be written", (follower) =>
    Number(follower.trouble() !== null),
  );
  return {
    records: counter("runledger_integrated_records_total", "Records written"),
    duplicates: counter("runledger_integrated_duplicates_total", "Records left out because they came before"),
    conflicts: counter("runledger_integrated_conflicts_total", "Records whose span id came before with other content"),
    undigested: new Counter({
      name: "runledger_undigested_spans_total",
      help: "Spans kept whole because their dialect could not read them",
      registers,
    }),
    treeSize: new Gauge({ name: "runledger_log_tree_size", help: "Entries in the audit log", registers }),
    watch: (name, follower) => void followers.set(name, follower),
  };
}
