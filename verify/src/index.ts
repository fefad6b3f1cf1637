export { BrokenBundleError, type BundleFile, type BundleFiles } from "./bundle-file.ts";
export { type BundleVerification, formatBundleVerification } from "./bundle-verification.ts";
export { runVerify, type VerifyFlags, type VerifySurroundings } from "./command.ts";
export { directoryFiles } from "./directory-files.ts";
export { createDirectoryStore, type Store } from "./directory-store.ts";
export { tarFiles } from "./tar-files.ts";
export { type OpenStore, type TargetOptions, UnreadableError, type Verification, verifyTarget } from "./targets.ts";
export type { Trust } from "./trust.ts";
export { verifyBundle } from "./verify-bundle.ts";
