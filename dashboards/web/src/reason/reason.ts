import { useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

/** As the API counts them. */
export const MAX_LOOKING_CHARS = 1_000;
/** As the API's errors name it. */
export const REASON_FIELD = "Runledger-Reason";

const STORED = "runledger.reason";
const CHANGED = "runledger:reason";

/** Why somebody looks, kept until the browser's tab is closed; "" while it is not told. */
export function reason(): string {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return ""; // this browser keeps nothing
  }
}

export function useReason(): string {
  return useSyncExternalStore(subscribe, reason);
}

/** Keeps it, and reads anew what is shown: the record of that tells why. */
export function useSetReason(): (text: string) => void {
  const client = useQueryClient();
  return (text) => {
    const told = withoutControls(text);
    if (told === reason()) return;
    try {
      sessionStorage.setItem(STORED, told);
    } catch {
      return;
    }
    dispatchEvent(new Event(CHANGED));
    if (told !== "") void client.invalidateQueries();
  };
}

/** As a header of a read: its UTF-8, a byte a character, which is what a browser can send and the API expects. */
export function reasonHeaders(): Record<string, string> {
  const told = reason();
  return told === "" ? {} : { [REASON_FIELD]: String.fromCharCode(...new TextEncoder().encode(told)) };
}

/** The address of an event stream, which can't have headers. */
export function withReason(url: string, told: string): string {
  return told === "" ? url : `${url}?${new URLSearchParams({ reason: told })}`;
}

/** No header may hold line breaks and the like. */
function withoutControls(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim();
}

function subscribe(listener: () => void): () => void {
  addEventListener(CHANGED, listener);
  return () => removeEventListener(CHANGED, listener);
}
