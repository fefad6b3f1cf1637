export { type BuildWebAssetsOptions, buildWebAssets, webAssetsDir } from "./assets.ts";
