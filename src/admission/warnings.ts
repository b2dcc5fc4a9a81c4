/**
 * The API server drops a warning with control characters. If all warnings for a request, including
 * other webhooks', have more than 4,096 characters, it cuts each to 256 (k8s.io/apiserver
 * pkg/endpoints/filters/warning.go, apimachinery pkg/util/net NewWarningHeader). So Curfew cuts its
 * own warnings to 256, with a mark where it cuts, and all of them together take at most half the
 * room.
 */
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS = 8;

/** Makes warnings fit: at most 8 of at most 256 characters, without control characters. */
export function boundWarnings(warnings: readonly string[]): readonly string[] {
  const kept = warnings.length > MAX_WARNINGS ? warnings.slice(0, MAX_WARNINGS - 1) : warnings;
  const bounded = kept.map(boundWarning);
  const dropped = warnings.length - kept.length;
  return dropped === 0 ? bounded : [...bounded, `${dropped} more warnings: curfew explain lists them.`];
}

function boundWarning(warning: string): string {
  const line = warning.replace(/\p{Cc}+/gu, " ").toWellFormed();
  return line.length <= MAX_WARNING_LENGTH
    ? line
    : `${line.slice(0, MAX_WARNING_LENGTH - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
