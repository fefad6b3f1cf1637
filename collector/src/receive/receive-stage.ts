import { receive } from "../pipeline.ts";
import { runStage } from "../stage/run-stage.ts";

await runStage(receive);
