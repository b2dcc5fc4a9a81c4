/** What checks find, as values. Only report-text.ts and report-json.ts say how it looks. */

/** Good: ✔. Warning: ‼, which may be fine. Bad: ✖, Jobs with sidecars don't end, or aren't created. */
export type Mark = "good" | "warning" | "bad";

export interface Finding {
  readonly mark: Mark;
  /** One sentence without a full stop, for people. It can quote the API server. */
  readonly text: string;
  /** What to do next. Undefined if there's nothing to do. */
  readonly hint?: string;
  /** A page about it. */
  readonly docs?: string;
  /** It couldn't be looked at, so it may be good or bad. The mark is `warning`. */
  readonly skipped?: true;
}

export function good(text: string): Finding {
  return { mark: "good", text };
}

export function warning(text: string, hint: string, docs: string): Finding {
  return { mark: "warning", text, hint, docs };
}

export function bad(text: string, hint: string, docs: string): Finding {
  return { mark: "bad", text, hint, docs };
}

/** @param hint what it takes to look at it */
export function skipped(text: string, hint: string, docs: string): Finding {
  return { mark: "warning", text: `skipped: ${text}`, hint, docs, skipped: true };
}

/**
 * One question about the cluster. `run` is pure: it judges facts that were read before. `id` is the
 * question's name in JSON, and doesn't change between versions.
 */
export interface Check<Facts> {
  readonly id: string;
  readonly run: (facts: Facts) => readonly Finding[];
}

export interface Group<Facts> {
  readonly title: string;
  readonly checks: readonly Check<Facts>[];
}

export interface ReportedFinding extends Finding {
  readonly check: string;
}

export interface ReportedGroup {
  readonly title: string;
  readonly findings: readonly ReportedFinding[];
}

/** Runs each check. A group in which nothing was found is left out. */
export function judge<Facts>(groups: readonly Group<Facts>[], facts: Facts): readonly ReportedGroup[] {
  return groups
    .map(({ title, checks }) => ({
      title,
      findings: checks.flatMap(({ id, run }) => run(facts).map((finding) => ({ check: id, ...finding }))),
    }))
    .filter(({ findings }) => findings.length > 0);
}

/** How many findings have the mark. */
export function count(groups: readonly ReportedGroup[], mark: Mark): number {
  return groups.flatMap(({ findings }) => findings).filter((finding) => finding.mark === mark).length;
}
