import { AGENT_FACT_NAMES, type RunledgerRecord, type Step, uncut } from "@runledger/contract";

/** A step as lists show it, with the whole of what its row holds cut. What was erased of the row stays so. */
export function wholeStep(step: Step, record: RunledgerRecord): Step {
  const { error, llm, tool } = step;
  const facts = AGENT_FACT_NAMES.flatMap((name) =>
    sizeOf(record[name]) > sizeOf(step[name]) ? [[name, record[name]]] : [],
  );
  return {
    ...step,
    ...Object.fromEntries(facts),
    name: uncut(step.name, record.name),
    operation: whole(step.operation, record.operation),
    error: error && {
      type: uncut(error.type, record.error?.type),
      message: whole(error.message, record.error?.message),
    },
    llm: llm && {
      ...llm,
      provider: whole(llm.provider, record.llm?.provider),
      request_model: whole(llm.request_model, record.llm?.request_model),
      response_model: whole(llm.response_model, record.llm?.response_model),
      response_id: whole(llm.response_id, record.llm?.response_id),
    },
    tool: tool && {
      ...tool,
      name: uncut(tool.name, record.tool?.name),
      call_id: whole(tool.call_id, record.tool?.call_id),
      requested_by: whole(tool.requested_by, record.tool?.requested_by),
      idempotency_key: whole(tool.idempotency_key, record.tool?.idempotency_key),
    },
  };
}

function whole(shown: string | null, told: string | null | undefined): string | null {
  return shown === null ? null : uncut(shown, told);
}

function sizeOf(fact: object | undefined): number {
  return fact === undefined ? 0 : JSON.stringify(fact).length;
}
