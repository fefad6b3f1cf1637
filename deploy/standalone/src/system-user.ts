import { userInfo } from "node:os";

/** Who runs this process, for records of what happens without a key. */
export function systemUser(): string {
  try {
    return `${userInfo().username} (system user)`;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"} (system user)`; // one without a name, as in containers
  }
}
