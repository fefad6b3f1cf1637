import { expect, it } from "vitest";
import { runledger, temporaryDir } from "../support/product.ts";

it("names a command that isn't one, and says how to go on", async () => {
  const { code, stderr } = await runledger(["bogus"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("unknown command 'bogus'")]);
});

it("never lets a mistake in calling verify look like a verdict on the log", async () => {
  const home = await temporaryDir("command");
  const codes = [];
  for (const args of [
    ["--nonsense"],
    [home.dir],
    [home.dir, "--key", "nonsense"],
    [home.dir, "--policy", `${home.dir}/none`],
  ]) {
    codes.push((await runledger(["verify", ...args])).code);
  }
  await home.remove();
  expect(codes).toEqual([4, 4, 4, 4]);
});
