/** Whole texts that were read lately, by where they lie: a history's next text is a difference to one of them. */
export interface TextCache {
  get(key: string): Uint8Array | undefined;
  set(key: string, text: Uint8Array): void;
}

/** Keeps at most `maxBytes` of texts, those used last. */
export function createTextCache(maxBytes: number): TextCache {
  const texts = new Map<string, Uint8Array>();
  let bytes = 0;
  const remove = (key: string): void => {
    bytes -= texts.get(key)?.length ?? 0;
    texts.delete(key);
  };
  return {
    get: (key) => {
      const text = texts.get(key);
      if (text !== undefined) {
        texts.delete(key);
        texts.set(key, text); // newest last
      }
      return text;
    },
    set: (key, text) => {
      remove(key);
      if (text.length > maxBytes) return;
      texts.set(key, text);
      bytes += text.length;
      for (const oldest of texts.keys()) {
        if (bytes <= maxBytes) break;
        remove(oldest);
      }
    },
  };
}
