import { mayUse, type Principal } from "../run/principal.ts";
import { ToolError } from "./tool-error.ts";

/** Named permissions, all of which are needed, or a question of one's own: of a sub-agent's principal, and then of those it acts on behalf of. */
export type Permission<Input> = string | readonly string[] | ((input: Input, principal: Principal) => boolean);

/** @throws ToolError `permission_denied`. */
export function checkPermission<Input>(
  tool: string,
  wanted: Permission<Input> | undefined,
  input: Input,
  principal: Principal | undefined,
): void {
  if (wanted === undefined) return;
  const refuse = (why: string) => new ToolError(tool, "permission_denied", `not permitted to call ${tool}: ${why}`);
  if (principal === undefined) throw refuse("this run acts for nobody that has permissions");
  if (typeof wanted === "function") {
    for (let asked: Principal | undefined = principal; asked !== undefined; asked = asked.onBehalfOf) {
      if (wanted(input, asked) !== true) throw refuse(`${asked.id} may not with these arguments`);
    }
    return;
  }
  const missing = [wanted].flat().filter((permission) => !mayUse(principal, permission));
  if (missing.length > 0) throw refuse(`${principal.id} lacks ${missing.join(", ")}`);
}

/** As records name it. */
export function permissionName<Input>(wanted: Permission<Input> | undefined): string | undefined {
  return typeof wanted === "function" ? "function" : wanted === undefined ? undefined : [wanted].flat().join(" ");
}
