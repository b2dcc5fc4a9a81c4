/**
 * Which places of a folder's code that make a finding of `curfew check` have run, by V8's own count of
 * each block. So a finding that no test provokes can't be forgotten.
 */
import { Session } from "node:inspector/promises";

/** The functions that make findings. Imports are `(0, module.bad)(…)` when tests run. */
const MAKES = /\b(?:good|warning|bad|skipped|notLookedAt)\b\)*\s*\(|[?:]\s*(?:\w+\.)?(?:bad|warning)\b/g;

/** Starts to count. The function that it returns says which places haven't run since: `file: code`. */
export async function countFindings(folder: string): Promise<() => Promise<string[]>> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Debugger.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  return async () => {
    const { result } = await session.post("Profiler.takePreciseCoverage");
    const scripts = result.filter(({ url }) => url.includes(folder));
    if (scripts.length === 0) throw new Error(`no code of ${folder} has run`);
    const missing = await Promise.all(
      scripts.map(async ({ scriptId, url, functions }) => {
        const { scriptSource } = await session.post("Debugger.getScriptSource", { scriptId });
        const blocks = functions.flatMap(({ ranges }) => ranges);
        const unseen = [...scriptSource.matchAll(MAKES)].filter(({ index }) => countAt(blocks, index) === 0);
        const lines = new Set(unseen.map(({ index }) => lineAt(scriptSource, index)));
        return [...lines].map((line) => `${url.slice(url.lastIndexOf("/") + 1)}: ${line}`);
      }),
    );
    session.disconnect();
    return missing.flat();
  };
}

interface Block {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** How often the innermost block there has run. */
function countAt(blocks: readonly Block[], index: number): number | undefined {
  const length = ({ startOffset, endOffset }: Block): number => endOffset - startOffset;
  return blocks
    .filter(({ startOffset, endOffset }) => startOffset <= index && index < endOffset)
    .toSorted((one, other) => length(one) - length(other))[0]?.count;
}

/** The code as written, without what the transform of imports adds. */
function lineAt(source: string, index: number): string {
  const end = source.indexOf("\n", index);
  const line = source.slice(source.lastIndexOf("\n", index) + 1, end === -1 ? undefined : end).trim();
  return line.replaceAll(/\(0,\s*\w+\.(\w+)\)/g, "$1").replaceAll(/__\w+__\./g, "");
}
