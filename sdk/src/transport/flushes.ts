/** Those who wait for everything to be delivered. */
export interface Flushes {
  none(): boolean;
  /** Everything is. */
  done(): void;
  /** True when it was in time. */
  wait(timeoutMs: number): Promise<boolean>;
}

export function createFlushes(): Flushes {
  let waiting: (() => void)[] = [];
  return {
    none: () => waiting.length === 0,
    done() {
      for (const resolve of waiting.splice(0)) resolve();
    },
    wait: (timeoutMs: number) =>
      new Promise<boolean>((resolve) => {
        const done = () => {
          clearTimeout(limit);
          resolve(true);
        };
        const limit = setTimeout(() => {
          waiting = waiting.filter((other) => other !== done);
          resolve(false);
        }, timeoutMs);
        waiting.push(done);
      }),
  };
}
