/** Documents of state as the product has them, for tests that let their store fail. */
export { createErasureStore } from "../erasures/erasure-store.ts";
export type { KeptErasure } from "../erasures/kept-erasure.ts";
export { addHold } from "../holds/destruction-claim.ts";
export { createHoldStore } from "../holds/hold-store.ts";
