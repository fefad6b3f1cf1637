import { testContents } from "./contents-agree.ts";

testContents(1);
