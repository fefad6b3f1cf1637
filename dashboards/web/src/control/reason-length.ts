/** The contract's MAX_REASON_CHARS; its code is not made for browsers, only its types are. */
export const MAX_REASON_CHARS = 500;
