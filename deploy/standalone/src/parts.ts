/** What was started, to be stopped in the opposite order. */
export interface Parts {
  start<Part>(what: string, start: () => Promise<Part>, stop: (part: Part) => Promise<void> | void): Promise<Part>;
  /** Stops every part, also after one that could not be stopped. @throws the first failure, when all are through. */
  stop(): Promise<void>;
}

/** `onProgress` is told before each part starts. */
export function createParts(onProgress: (what: string) => void): Parts {
  const started: (() => Promise<void> | void)[] = [];
  return {
    async start(what, start, stop) {
      onProgress(what);
      const part = await start();
      started.push(() => stop(part));
      return part;
    },
    async stop() {
      const failures: unknown[] = [];
      for (const stop of started.splice(0).reverse()) {
        try {
          await stop();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
