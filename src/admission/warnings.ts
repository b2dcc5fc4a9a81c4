/**
 * The API server drops a warning with control characters, and cuts warnings to 256 characters once all of a request, other webhooks'
 * too, are longer than 4,096 (k8s.io/apiserver pkg/endpoints/filters/warning.go, apimachinery pkg/util/net NewWarningHeader). So a
 * warning keeps to 256 here, where the cut can be marked, and all together to half of the room.
 */
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS = 8;

export function boundWarnings(warnings: readonly string[]): readonly string[] {
  const kept = warnings.length > MAX_WARNINGS ? warnings.slice(0, MAX_WARNINGS - 1) : warnings;
  const bounded = kept.map(boundWarning);
  const dropped = warnings.length - kept.length;
  return dropped === 0 ? bounded : [...bounded, `${dropped} further warnings: curfew explain lists them.`];
}

function boundWarning(warning: string): string {
  const line = warning.replace(/\p{Cc}+/gu, " ").toWellFormed();
  return line.length <= MAX_WARNING_LENGTH
    ? line
    : `${line.slice(0, MAX_WARNING_LENGTH - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
