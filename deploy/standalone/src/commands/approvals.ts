import { type Approval, approval, approvalDetail, approvalList } from "@runledger/contract";
import { withVisibleTexts } from "@runledger/verify";
import Table from "cli-table3";
import pc from "picocolors";
import { type ApiAccess, apiAccess, askApi, sendApi } from "../api-client.ts";
import type { Console } from "../program.ts";

interface ApprovalFlags {
  api: string;
  status: string;
  all?: boolean;
  json?: boolean;
}

/** `runledger approvals`: what agents ask for, or one request with its arguments. */
export async function listApprovals(id: string | undefined, flags: ApprovalFlags, console: Console): Promise<void> {
  const api = apiAccess(flags.api, console.env);
  if (id !== undefined) return await showApproval(api, id, flags, console);
  const status = flags.all === true ? "" : `&status=${encodeURIComponent(flags.status)}`;
  // The table shows no questions, which may quote contents: so it reads none.
  const path = `/v1/approvals?questions=${flags.json === true}${status}`;
  const { items } = await askApi(api, path, approvalList);
  if (flags.json === true) return void console.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
  if (items.length === 0) return void console.stdout.write(flags.all ? "No requests.\n" : `None is ${flags.status}.\n`);
  console.stdout.write(`${approvalsTable(items)}\n`);
  console.stdout.write(pc.dim("arguments: runledger approvals ID; answer: runledger approve|deny ID --reason TEXT\n"));
}

async function showApproval(api: ApiAccess, id: string, { json }: ApprovalFlags, console: Console): Promise<void> {
  const one = await askApi(api, `/v1/approvals/${encodeURIComponent(id)}`, approvalDetail);
  if (json === true) return void console.stdout.write(`${JSON.stringify(one, null, 2)}\n`);
  const { question, arguments: given } = withVisibleTexts(one);
  const cut = one.arguments_cut ? pc.yellow("\n(cut: they are longer)") : "";
  const shown = one.arguments_withheld
    ? pc.yellow("withheld: they are content, which takes the role investigator")
    : `${given ?? "none"}${cut}`;
  console.stdout.write(`${approvalsTable([one])}\n${question ?? ""}\narguments: ${shown}\n`);
}

/** `runledger approve ID`, `runledger deny ID`. */
export async function answerApproval(
  id: string,
  word: "approve" | "deny",
  { api: url, reason, json }: { api: string; reason?: string; json?: boolean },
  console: Console,
): Promise<void> {
  const body = reason === undefined ? {} : { reason };
  const path = `/v1/approvals/${encodeURIComponent(id)}/${word}`;
  const one = await sendApi(apiAccess(url, console.env), "POST", path, body, approval);
  if (json === true) return void console.stdout.write(`${JSON.stringify(one, null, 2)}\n`);
  const { status, tool, agent, run_id } = withVisibleTexts(one);
  console.stdout.write(`${status}: ${tool} of ${agent ?? "an agent"}, run ${run_id}\n`);
}

function approvalsTable(approvals: readonly Approval[]): string {
  const dim = pc.isColorSupported ? ["dim"] : []; // none into a pipe
  const table = new Table({
    head: ["status", "agent", "tool", "asked", "until", "by", "why", "id"],
    style: { head: dim, border: dim, compact: true },
  });
  const time = (text: string) => text.slice(0, 19).replace("T", " ");
  for (const one of withVisibleTexts(approvals)) {
    table.push([
      one.status,
      one.agent ?? "—",
      one.tool,
      time(one.requested_time),
      time(one.expires_time),
      one.by ?? "—",
      one.reason ?? "—",
      one.approval_id,
    ]);
  }
  return table.toString();
}
