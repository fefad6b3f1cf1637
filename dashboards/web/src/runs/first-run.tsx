import { CopyButton } from "../ui/copy-button.tsx";

const SNIPPET = `import { createRunledger } from "@runledger/sdk";

const ledger = createRunledger();
export const support = ledger.wrap(supportAgent, { agent: "support", version: "1.0.0", taskType: "ticket" });`;

/** Nothing was ever recorded: how to send the first run. */
export function FirstRun() {
  const host = window.location.hostname;
  const settings = `OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4318`;
  return (
    <div className="first-run">
      <h1>No runs yet</h1>
      <p className="muted">
        This page fills by itself as soon as the first agent reports. There are two ways to send a run.
      </p>
      <h2>Wrap an agent</h2>
      <p>Model and tool calls inside the wrapper are recorded; nothing else has to change.</p>
      <Snippet text={SNIPPET} label="the wrapper" />
      <h2>Or send OpenTelemetry</h2>
      <p>
        Anything that emits GenAI spans works: OTLP/HTTP at <code>http://{host}:4318</code>, OTLP/gRPC at{" "}
        <code>http://{host}:4317</code> (the default ports).
      </p>
      <Snippet text={settings} label="the setting" />
      <p className="muted" role="status">
        Waiting for the first run…
      </p>
    </div>
  );
}

function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div className="snippet">
      <pre>{text}</pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}
