#!/usr/bin/env node
import { main } from "../src/runledger-verify.ts";

process.exitCode = await main(process.argv.slice(2), process);
