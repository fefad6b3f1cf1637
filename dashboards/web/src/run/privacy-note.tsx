import type { Step } from "@runledger/contract";
import { count } from "../format/number.ts";
import { Icon } from "../ui/icon.tsx";

const KIND_WORDS: Readonly<Record<string, string>> = {
  email: "e-mail address",
  phone: "phone number",
  card: "card number",
  iban: "IBAN",
  national_id: "national id",
};

/** What the agent's own settings kept in its process, so that nobody takes a placeholder for what was said. */
export function PrivacyNote({ privacy }: { privacy: NonNullable<Step["privacy"]> }) {
  const { content, redacted, withheld, failed } = privacy;
  if (redacted.length === 0 && withheld.length === 0) return null;
  return (
    <div className="pending" role="note">
      <Icon name="alert" />
      <div>
        {redacted.length > 0 ? (
          <p>
            Redacted by the agent:{" "}
            {redacted.map((one) => `${KIND_WORDS[one.kind] ?? one.kind} ×${count(one.count)}`).join(", ")}
          </p>
        ) : null}
        {withheld.length > 0 ? (
          <p title={withheld.map(({ name, size_bytes }) => `${name}: ${count(size_bytes)} bytes`).join("\n")}>
            {content === "hashes" ? "Content withheld by the agent's settings" : "Content withheld by the agent"}: only
            keyed hashes and sizes were sent.
            {failed.length > 0 ? ` It could not be looked through (${failed.join(", ")}).` : ""}
          </p>
        ) : null}
      </div>
    </div>
  );
}
