import "react";

declare module "react" {
  interface CSSProperties {
    /** Distance between the marks of the time axis. */
    "--mark"?: string;
  }
}
