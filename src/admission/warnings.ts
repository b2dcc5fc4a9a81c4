/**
 * The API server drops a warning with control characters. If all warnings for a request, including
 * other webhooks', have more than 4,096 characters, it cuts each to 256 (k8s.io/apiserver
 * pkg/endpoints/filters/warning.go, apimachinery pkg/util/net NewWarningHeader). So all of Curfew's
 * together take at most half the room. If they'd take more, Curfew cuts each to 256, with a mark
 * where it cuts.
 */
const MAX_LENGTH = 2_048;
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS = 8;

/** Makes warnings fit: at most 8, of 2,048 characters in all, without control characters. */
export function boundWarnings(warnings: readonly string[]): readonly string[] {
  const kept = warnings.length > MAX_WARNINGS ? warnings.slice(0, MAX_WARNINGS - 1) : warnings;
  const length = kept.reduce((sum, { length: each }) => sum + each, 0);
  const bounded = kept.map((warning) => boundWarning(warning, length > MAX_LENGTH ? MAX_WARNING_LENGTH : MAX_LENGTH));
  const dropped = warnings.length - kept.length;
  return dropped === 0 ? bounded : [...bounded, `${dropped} more warnings: curfew explain lists them.`];
}

function boundWarning(warning: string, atMost: number): string {
  const line = warning.replace(/\p{Cc}+/gu, " ").toWellFormed();
  return line.length <= atMost ? line : `${line.slice(0, atMost - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
