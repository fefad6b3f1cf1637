import { integrate } from "../pipeline.ts";
import { runStage } from "../stage/run-stage.ts";

await runStage(integrate);
