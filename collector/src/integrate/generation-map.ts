/** A map that forgets: the older half of its entries at once, in the order of `set`, when `limit` is reached. */
export interface GenerationMap<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

export function createGenerationMap<Value>(limit: number): GenerationMap<Value> {
  let young = new Map<string, Value>();
  let old = new Map<string, Value>();
  return {
    get: (key) => young.get(key) ?? old.get(key),
    set: (key, value) => {
      if (young.size * 2 >= limit) {
        old = young;
        young = new Map();
      }
      young.set(key, value);
    },
  };
}
