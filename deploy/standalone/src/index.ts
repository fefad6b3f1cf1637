export {
  type FakeAnswer,
  type FakeModel,
  type FakeRequest,
  type FakeScript,
  startFakeModel,
} from "./demo/fake-model.ts";
export { type DemoSettings, runDemo } from "./demo/run-demo.ts";
