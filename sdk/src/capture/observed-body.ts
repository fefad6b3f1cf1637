/** Told what passes; neither may delay it. */
export interface BodyObserver {
  text(text: string): void;
  /** Once: read to its end, broken, or given up by the reader. */
  end(end: { how: "complete" } | { how: "failed"; error: unknown } | { how: "cancelled" }): void;
}

/**
 * The same response, its body passed on chunk by chunk as the caller reads: nothing is read ahead, nothing held back,
 * and a reader that gives up cancels the original.
 */
export function observeResponse(response: Response, observer: BodyObserver): Response {
  if (!hasBody(response)) {
    observer.end({ how: "complete" });
    return response;
  }
  const observed = new Response(observeBody(response, observer), {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
  // A Response made by hand has none of these; the caller is to see what the network gave.
  for (const key of ["url", "redirected", "type"] as const) {
    Object.defineProperty(observed, key, { value: response[key], configurable: true });
  }
  return observed;
}

/**
 * Node.js drops the connection of a response that is garbage collected unread. Holding `response`, and locking its body
 * only once it is read, keeps that as it is: not before the caller has let go of ours, and then still.
 */
function observeBody(response: ResponseWithBody, observer: BodyObserver): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const open = () => {
    reader ??= response.body.getReader();
    return reader;
  };
  const decoder = new TextDecoder();
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      try {
        const { done, value } = await readBytes(open());
        if (done) {
          observer.text(decoder.decode());
          observer.end({ how: "complete" });
          controller.close();
          // A reader that brought its own buffer waits for it until it is given back empty.
          controller.byobRequest?.respond(0);
          return;
        }
        // Before handing it on: a byte stream takes the chunk's memory with it.
        observer.text(decoder.decode(value, { stream: true }));
        controller.enqueue(value as Uint8Array<ArrayBuffer>);
      } catch (error) {
        observer.end({ how: "failed", error });
        throw error;
      }
    },
    async cancel(reason) {
      observer.end({ how: "cancelled" });
      await open().cancel(reason);
    },
  });
}

/** The next chunk with something in it: a byte stream must not be given an empty one. */
async function readBytes(reader: ReadableStreamDefaultReader<Uint8Array>) {
  for (;;) {
    const result = await reader.read();
    if (result.done || result.value.byteLength > 0) return result;
  }
}

type ResponseWithBody = Response & { body: ReadableStream<Uint8Array> };

function hasBody(response: Response): response is ResponseWithBody {
  return response.body !== null;
}
