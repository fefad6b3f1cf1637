// Runs the example that EXAMPLE names, and then once more as a replay of what was recorded of it.
const ids = [];
const { log } = console;
console.log = (line) => {
  ids.push(...(/^run ([0-9a-f]{32})$/.exec(line)?.slice(1) ?? []));
  log(line);
};
const { ledger, support } = await import(`./${process.env.EXAMPLE}.mjs`);
await ledger.flush();

/** The collector integrates it in the background: first its rows, then its contents. */
async function recorded() {
  const run = await ledger.recordedRun(ids[0]).catch(() => ({ steps: [] }));
  const isThere = run.steps.every(({ content }) => content !== "pending");
  if (isThere && run.steps.length === Number(process.env.CALLS)) return run;
  await new Promise((resolve) => setTimeout(resolve, 200));
  return await recorded();
}
const run = await recorded();
const { verdict, divergence, result, error } = await ledger.replay(run, () => support("Where is A-1?"));
log(`replay ${JSON.stringify({ verdict, divergence, result, error: error && String(error) })}`);
await ledger.shutdown();
