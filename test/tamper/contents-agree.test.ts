import { testContents } from "./contents-agree.ts";

/** A prime, so that the kinds of change take turns; `contents-agree.slow.test.ts` tries all. */
testContents(29);
