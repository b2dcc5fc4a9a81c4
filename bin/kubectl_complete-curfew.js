#!/usr/bin/env node
// kubectl's completion runs this with the words after `kubectl curfew`: src/completion/complete.ts.
import process from "node:process";

process.argv.splice(2, 0, "__complete");
await import("./curfew.js");
