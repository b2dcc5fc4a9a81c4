/** The proof next to the webhooks: policies, and what binds them. */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { bad, good, warning, type Finding, type Group } from "./finding.ts";
import type { Policy, PolicyBinding } from "./objects.ts";
import { BINDINGS, POLICY_NAMES } from "./own-names.ts";

export interface PolicyFacts {
  readonly policies: Answer<readonly Policy[] | undefined>;
  readonly bindings: Answer<readonly PolicyBinding[] | undefined>;
}

export const POLICIES_GROUP: Group<PolicyFacts> = {
  title: "Policies",
  checks: [{ id: "policies", run: policyFindings }],
};

const DOCS = docsUrl("operations", "install");

const REPAIR = "apply the manifests again: without it, nothing refuses Jobs and Pods that the webhook hasn't seen";

function policyFindings({ policies, bindings }: PolicyFacts): readonly Finding[] {
  return whenKnown(policies, (all) =>
    whenKnown(bindings, (bound) => {
      const exists = (name: string): boolean => all?.some(({ metadata }) => metadata.name === name) ?? false;
      return [
        ...POLICY_NAMES.filter((name) => !exists(name)).map((name) =>
          bad(`ValidatingAdmissionPolicy ${name} doesn't exist`, REPAIR, DOCS),
        ),
        ...BINDINGS.filter(({ policy }) => exists(policy)).map(({ binding, policy }) =>
          bindingFinding(binding, policy, bound ?? []),
        ),
      ];
    }),
  );
}

function bindingFinding(name: string, policy: string, bindings: readonly PolicyBinding[]): Finding {
  const found = bindings.find(({ metadata }) => metadata.name === name);
  if (found?.spec.policyName !== policy)
    return bad(`ValidatingAdmissionPolicyBinding ${name} doesn't bind the policy ${policy}`, REPAIR, DOCS);
  const actions = found.spec.validationActions ?? [];
  if (actions.includes("Deny")) return good(`${policy} is enforced by the binding ${name}`);
  const text = `ValidatingAdmissionPolicyBinding ${name} refuses nothing: its validationActions are ${actions.join(", ")}`;
  return warning(text, "add Deny, unless that's intended", DOCS);
}
