import { UNKNOWN } from "../format/number.ts";

/** A sum over calls, `of` it as text: at least so much, when some of them did not tell theirs. */
export function Sum({ of, missing }: { of: string; missing: number }) {
  return (
    <>
      {of}
      {missing > 0 && of !== UNKNOWN ? <sup className="muted">+?</sup> : null}
    </>
  );
}
