/** Before an installation: whether Curfew, or part of it, is there already. */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { good, warning, type Finding, type Group } from "./finding.ts";
import type { Deployment, Policy, WebhookConfiguration } from "./objects.ts";
import { POLICY_NAMES, VERSION_LABEL } from "./own-names.ts";

export interface EarlierFacts {
  readonly own: readonly string[];
  readonly mutating: Answer<readonly WebhookConfiguration[] | undefined>;
  readonly policies: Answer<readonly Policy[] | undefined>;
  /** Those with Curfew's labels, in all namespaces. */
  readonly deployments: Answer<readonly Deployment[] | undefined>;
}

export const EARLIER_GROUP: Group<EarlierFacts> = {
  title: "An earlier installation",
  checks: [{ id: "earlier-installation", run: earlierFindings }],
};

function earlierFindings({ own, mutating, policies, deployments }: EarlierFacts): readonly Finding[] {
  return whenKnown(mutating, (webhooks) =>
    whenKnown(policies, (all) =>
      whenKnown(deployments, (running) => {
        const found = [
          ...(running ?? []).map(
            ({ metadata }) => `Deployment ${metadata.namespace ?? ""}/${metadata.name}${version(metadata.labels)}`,
          ),
          ...(webhooks ?? [])
            .map(({ metadata }) => metadata.name)
            .filter((name) => own.includes(name))
            .map((name) => `MutatingWebhookConfiguration ${name}`),
          ...(all ?? [])
            .map(({ metadata }) => metadata.name)
            .filter((name) => POLICY_NAMES.includes(name))
            .map((name) => `ValidatingAdmissionPolicy ${name}`),
        ];
        if (found.length === 0) return [good("there's none")];
        const isRunning = (running ?? []).length > 0;
        const hint = isRunning
          ? "run curfew check without --pre. To upgrade, apply the new version over it"
          : "nothing serves these webhooks: delete what's left, or install Curfew";
        const docs = isRunning
          ? docsUrl("operations", "upgrade-and-rollback")
          : docsUrl("operations", "out-of-the-way-with-one-command");
        return [warning(`found ${found.join(", ")}`, hint, docs)];
      }),
    ),
  );
}

function version(labels: Readonly<Record<string, string>> | undefined): string {
  const label = labels?.[VERSION_LABEL];
  return label === undefined ? "" : ` (${label})`;
}
