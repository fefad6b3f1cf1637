import { useEffect, useState } from "react";
import { Icon } from "./icon.tsx";

const CONFIRM_MS = 1_500;

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [state]);
  // The clipboard is missing on plain http from another machine.
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      setState("failed");
    }
  };
  const title =
    state === "copied"
      ? "Copied"
      : state === "failed"
        ? "The browser refused: select the text instead"
        : `Copy ${label}`;
  return (
    <button
      type="button"
      className="icon-button"
      data-state={state}
      title={title}
      aria-label={title}
      onClick={() => void copy()}
    >
      <Icon name={state === "copied" ? "check" : state === "failed" ? "close" : "copy"} />
    </button>
  );
}
