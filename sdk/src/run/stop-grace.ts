/** An agent that was stopped has so long to end by itself. */
const STOP_GRACE_MS = 2_000;

/**
 * The same promise; rejects with the reason of the stop where the work goes on all the same: a framework that tries again and again, code that listens to
 * no signal. Nobody waits for that any more.
 */
export function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onStop = () => {
    timer = setTimeout(() => over.reject(signal.reason), STOP_GRACE_MS);
  };
  if (signal.aborted) onStop();
  else signal.addEventListener("abort", onStop, { once: true });
  return Promise.race([work, over.promise]).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onStop);
  });
}
