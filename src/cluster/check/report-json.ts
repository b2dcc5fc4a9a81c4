/** A report for programs. docs/reference.md describes it. */
import { count, type ReportedGroup } from "./finding.ts";

export function reportJson(
  groups: readonly ReportedGroup[],
  about: { readonly pre: boolean; readonly version: string },
): string {
  const bad = count(groups, "bad");
  const warnings = count(groups, "warning");
  const result = bad > 0 ? "bad" : warnings > 0 ? "warning" : "good";
  return JSON.stringify({ schemaVersion: 1, ...about, result, bad, warnings, groups }, null, 2);
}
