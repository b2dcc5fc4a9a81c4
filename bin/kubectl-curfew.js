#!/usr/bin/env node
// kubectl runs this as `kubectl curfew`. The program asks how it was called: src/process/program.ts.
import "./curfew.js";
