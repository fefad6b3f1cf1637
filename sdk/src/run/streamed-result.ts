/** What becomes of a result that goes on after the agent's function has returned. */
export interface ResultObserver {
  /** Runs the agent's code in its own context: a generator's body belongs to the agent, whoever asks for the next value. */
  within<T>(work: () => T): T;
  /** Once; `failure` when it broke. */
  done(failure?: { error: unknown }): void;
  /** The error that the caller is to see. */
  thrown(error: unknown): unknown;
}

/** The same result with its end observed; undefined when it is no stream, and so has ended already. */
export function observeStreamedResult(result: unknown, observer: ResultObserver): unknown {
  if (Object.prototype.toString.call(result) === "[object AsyncGenerator]") {
    return observeGenerator(result as AsyncGenerator, observer);
  }
  if (result instanceof ReadableStream) return observeStream(result, observer);
  return undefined;
}

function observeGenerator(generator: AsyncGenerator, observer: ResultObserver): AsyncGenerator {
  async function step(work: () => Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> {
    try {
      const result = await observer.within(work);
      if (result.done) observer.done();
      return result;
    } catch (error) {
      observer.done({ error });
      throw observer.thrown(error);
    }
  }
  // Of the same prototype: it stays an AsyncGenerator to whoever looks.
  return Object.assign(Object.create(Object.getPrototypeOf(generator)) as AsyncGenerator, {
    next: (...args: [] | [unknown]) => step(() => generator.next(...args)),
    return: (value: unknown) => step(() => generator.return(value)),
    throw: (error: unknown) => step(() => generator.throw(error)),
  });
}

function observeStream(stream: ReadableStream, observer: ResultObserver): ReadableStream {
  const reader = stream.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await observer.within(() => reader.read());
          if (!done) return controller.enqueue(value);
          observer.done();
          controller.close();
        } catch (error) {
          observer.done({ error });
          throw observer.thrown(error);
        }
      },
      async cancel(reason) {
        observer.done();
        await observer.within(() => reader.cancel(reason));
      },
    },
    { highWaterMark: 0 },
  );
}
