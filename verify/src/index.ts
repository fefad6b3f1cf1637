export { BrokenBundleError, type BundleFile, type BundleFiles } from "./bundle-file.ts";
export { type BundleVerification, formatBundleVerification } from "./bundle-verification.ts";
export { directoryFiles } from "./directory-files.ts";
export { tarFiles } from "./tar-files.ts";
export type { Trust } from "./trust.ts";
export { verifyBundle } from "./verify-bundle.ts";
