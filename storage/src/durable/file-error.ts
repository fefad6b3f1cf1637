import { StorageError } from "../error.ts";

/** What a failure of the file system is to the caller: `full` and `unavailable` may pass, `rejected` does not. A StorageError stays as it is. */
export function fileError(path: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT")
    return new StorageError("full", `the disk of ${path} has no room left; retry when it has`, error);
  const refused = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ENAMETOOLONG"].includes(code);
  return new StorageError(refused ? "rejected" : "unavailable", `${path}: ${code || String(error)}`, error);
}

/** For `catch`: null for what is not there, every other failure thrown as StorageError. */
export function nullWhenAbsent(path: string): (error: unknown) => null {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw fileError(path, error);
  };
}
