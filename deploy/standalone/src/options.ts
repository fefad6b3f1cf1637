import { Option } from "commander";

/** Of every command that asks a running Runledger. */
export const API_URL = new Option("--api <url>", "query API of a running Runledger")
  .env("RUNLEDGER_CONTROL_URL")
  .default("http://127.0.0.1:4400");
