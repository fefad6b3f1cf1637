import { testMembers } from "./bundle-members.ts";

/** A prime, so that the kinds of change take turns; `bundle-members.slow.test.ts` tries all. */
testMembers(13);
