import { testMembers } from "./bundle-members.ts";

testMembers(1);
