/** Without a prototype, so that any key can be one of its own; unlike `Object.create(null)` as fast to fill and to read as an object literal. */
const Members = function Members() {} as unknown as new () => Record<string, unknown>;
Members.prototype = Object.create(null);

/** An empty object for keys that others chose: `__proto__` and `constructor` are keys like any other. */
export function createMembers(): Record<string, unknown> {
  return new Members();
}
