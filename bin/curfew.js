#!/usr/bin/env node
// A checkout runs the sources as they are. A package has only the bundle: Node strips no types under node_modules.
import { existsSync } from "node:fs";
import { URL } from "node:url";

const source = new URL("../src/cli.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/cli.js", import.meta.url).href);
