#!/usr/bin/env node
// A checkout runs the sources as they are. A package has only the bundle: Node strips no types under node_modules.
import { existsSync } from "node:fs";
import process from "node:process";
import { URL } from "node:url";

if (Number.parseInt(process.versions.node, 10) < 24) {
  const found = `curfew needs Node 24 or later, and this is ${process.versions.node}.`;
  process.stderr.write(`${found} In a checkout npm brings it: npm ci, npx curfew.\n`);
  process.exit(2);
}
const source = new URL("../src/cli.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/cli.js", import.meta.url).href);
