/** Whether each way to opt in leads to Curfew: a dry-run Job or Pod for each. */
import { docsUrl } from "../../process/docs.ts";
import { notLookedAt } from "./answer.ts";
import type { Tried } from "./asker.ts";
import { explainRefusal } from "./webhook-errors.ts";
import { bad, good, type Finding, type Group } from "./finding.ts";
import type { Named } from "./objects.ts";

/** A dry run of something that a webhook entry should see. */
export interface EntryTrial {
  /** The entry's name. */
  readonly entry: string;
  /** For people: `a Job with the label`. */
  readonly what: string;
  readonly namespace: string;
  /** The annotation that Curfew's plan leaves. */
  readonly mark: string;
  readonly tried: Tried<Named>;
}

export interface EntryFacts {
  readonly namespace: string;
  readonly trials: readonly EntryTrial[];
  /** The names of the entries in Curfew's configurations. Undefined if they aren't known. */
  readonly entries: readonly string[] | undefined;
}

export const ENTRIES_GROUP: Group<EntryFacts> = {
  title: "Webhooks (dry runs)",
  checks: [{ id: "webhook-entries", run: (facts) => facts.trials.map((trial) => entryFinding(trial, facts)) }],
};

function entryFinding(trial: EntryTrial, { namespace, entries }: EntryFacts): Finding {
  const { entry, what, mark, tried } = trial;
  const subject = `${what} in ${trial.namespace}`;
  if (tried.kind === "unknown") {
    if (tried.permission !== undefined || tried.isBusy) return notLookedAt(tried, subject);
    const { hint, docs } = explainRefusal("context deadline exceeded", namespace);
    return bad(`${subject} gets no answer: ${tried.why}`, hint, docs);
  }
  if (tried.kind === "refused") {
    const { hint, docs } = explainRefusal(tried.message, namespace);
    return bad(`${subject} is refused: ${withoutCall(tried.message)}`, hint, docs);
  }
  if (tried.object.metadata.annotations?.[mark] !== undefined) return good(`${subject} is planned`);
  if (entries !== undefined && !entries.includes(entry)) {
    const hint = "apply the manifests again: they contain it";
    return bad(`${subject} isn't planned: no webhook is named ${entry}`, hint, docsUrl("operations", "install"));
  }
  const hint = `see whether Curfew's Pods are ready: kubectl -n ${namespace} get pods. The other findings may say why`;
  return bad(
    `${subject} isn't planned: ${entry} didn't answer`,
    hint,
    docsUrl("operations", "when-something-is-wrong"),
  );
}

/** The API server's message without the URL that it called. */
function withoutCall(message: string): string {
  return message.replace(
    /^Internal error occurred: failed calling webhook ("[^"]*"): (?:failed to call webhook: )?(?:Post "[^"]*": )?/,
    "$1 doesn't answer: ",
  );
}
