import { Icon } from "../ui/icon.tsx";
import { MAX_LOOKING_CHARS, useReason, useSetReason } from "./reason.ts";

const QUESTION = "Why are you looking?";

/** In the frame of each page: why one looks, which goes on record with what one reads. */
export function ReasonField() {
  const told = useReason();
  const setReason = useSetReason();
  return (
    <form
      className="reason-field"
      data-told={told !== ""}
      onSubmit={(event) => {
        event.preventDefault();
        setReason(String(new FormData(event.currentTarget).get("reason") ?? ""));
      }}
    >
      <input
        key={told}
        name="reason"
        aria-label={QUESTION}
        placeholder={QUESTION}
        title={`${told || QUESTION}\nOn record with each content that you read, until you close this tab.`}
        maxLength={MAX_LOOKING_CHARS}
        autoComplete="off"
        defaultValue={told}
        onBlur={(event) => setReason(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.value = told;
        }}
      />
      {told === "" ? null : (
        <button
          type="button"
          className="icon-button"
          aria-label="Clear why you are looking"
          onClick={() => setReason("")}
        >
          <Icon name="close" />
        </button>
      )}
    </form>
  );
}
