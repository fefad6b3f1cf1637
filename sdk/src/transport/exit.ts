/**
 * Delivers what waits when Node.js has nothing else to do. Signals are left alone: a listener of ours would keep
 * alive a process that its owner means to end, and silence libraries that act only when nobody else listens.
 */
export function onProcessIdle(isWaiting: () => boolean, deliver: () => Promise<boolean>): () => void {
  let gaveUp = false;
  const listener = () => {
    // Node emits this again after asynchronous work; a collector that stays away must not hold the process for ever.
    if (gaveUp || !isWaiting()) return;
    void deliver().then((delivered) => {
      gaveUp = !delivered;
    });
  };
  process.on("beforeExit", listener);
  return () => process.off("beforeExit", listener);
}

/** The last moment of a process, also of one that ends by `process.exit` or an exception that nobody caught: only what is done on the spot is done. */
export function onProcessExit(rescue: () => void): () => void {
  process.on("exit", rescue);
  return () => process.off("exit", rescue);
}
