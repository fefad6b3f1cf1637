import { type ReactNode, useEffect, useId, useRef } from "react";
import { createPortal } from "react-dom";
import { RequestError } from "../api/request.ts";

/** A modal dialog before something that is recorded. Escape closes it, and the focus goes back to where it was. */
export function ActDialog({
  title,
  error,
  onClose,
  children,
}: {
  title: string;
  error: Error | null;
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector("textarea")?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const hint = error instanceof RequestError ? error.hint : null;
  return createPortal(
    <dialog ref={dialog} className="act-dialog" aria-labelledby={titleId} onClose={onClose}>
      <h2 id={titleId}>{title}</h2>
      {children}
      {error ? (
        <p className="bad" role="alert">
          {error.message} {hint}
        </p>
      ) : null}
    </dialog>,
    document.body,
  );
}
