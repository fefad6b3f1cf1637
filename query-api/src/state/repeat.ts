export interface Repeated {
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Runs `work` every `intervalMs`, one at a time, the first time at once. A failure is told and the next round comes as usual.
 * `wake` begins the next round at once, or right after the one under way. `stop` resolves when the round under way is done.
 */
export function repeat(intervalMs: number, work: () => Promise<void>, onError: (error: unknown) => void): Repeated {
  let stopped = false;
  let running = false;
  let awake = false;
  let timer: NodeJS.Timeout | undefined;
  let round = run();
  return {
    wake() {
      awake = true;
      if (running || stopped) return;
      clearTimeout(timer);
      round = run();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await round;
    },
  };

  async function run(): Promise<void> {
    running = true;
    do {
      awake = false;
      try {
        await work();
      } catch (error) {
        onError(error);
      }
    } while (awake && !stopped);
    running = false;
    if (stopped) return;
    timer = setTimeout(() => {
      round = run();
    }, intervalMs).unref();
  }
}
