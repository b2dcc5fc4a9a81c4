import { expect, it } from "vitest";
import { known } from "../../../../src/cluster/check/answer.ts";
import type { Asker } from "../../../../src/cluster/check/asker.ts";
import { selects } from "../../../../src/cluster/check/matching.ts";
import { NAMESPACES_GROUP } from "../../../../src/cluster/check/namespaces.ts";
import type { Selector } from "../../../../src/cluster/check/objects.ts";
import { tryEntries } from "../../../../src/cluster/check/try-entries.ts";
import { AFTER_FACTS as FACTS, findingsOf, named } from "../../../support/cluster/check-facts.ts";

const asker = {
  tryCreate: () => Promise.resolve({ kind: "refused", message: "no" }),
} as unknown as Asker;

const NAME = "kubernetes.io/metadata.name";
const entry = (name: string, ...matchExpressions: NonNullable<Selector["matchExpressions"]>) => {
  return { name, clientConfig: {}, namespaceSelector: { matchExpressions } };
};

/** As the chart writes them with `namespaces.excluded: [default]`, and `namespaces.optedIn` a list of names. */
const notDefault = { key: NAME, operator: "NotIn", values: ["kube-system", "default"] };
const mutating = known([
  {
    ...named("curfew"),
    webhooks: [
      entry("jobs-labelled-enabled-need-curfew-running.curfew.sh", notDefault),
      entry("jobs-in-enabled-namespaces.curfew.sh", notDefault, { key: NAME, operator: "In", values: ["ci"] }),
    ],
  },
]);
const enabled = { "curfew.sh/enabled": "true" };
const namespaces = known([named("default"), named("ci"), named("old", enabled)]);

it("Jobs are tried where the webhooks look, also if the chart's values say where", async () => {
  const trials = await tryEntries(asker, { own: ["curfew"], mutating, namespaces }, undefined);
  expect(trials.map(({ namespace }) => namespace)).not.toContain("default");
  expect(trials).toContainEqual(
    expect.objectContaining({ entry: "jobs-in-enabled-namespaces.curfew.sh", namespace: "ci" }),
  );
});

it("namespaces are opted in as the webhooks' selectors say", () => {
  const texts = findingsOf(NAMESPACES_GROUP, { ...FACTS, mutating, namespaces }).map(({ text }) => text);
  expect(texts).toEqual([
    "1 opted in with all their Jobs: ci",
    "old isn't opted in, although it has curfew.sh/enabled: the webhooks' namespaceSelector leaves it out",
  ]);
});

it.each([
  ["In", ["a"], true],
  ["In", ["b"], false],
  ["NotIn", ["a"], false],
  ["NotIn", ["b"], true],
  ["Exists", undefined, true],
  ["DoesNotExist", undefined, false],
])("a selector with %s %j decides as Kubernetes does", (operator, values, selected) => {
  const expression = { key: "x", operator, ...(values && { values }) };
  expect(selects({ matchExpressions: [expression] }, named("n", { x: "a" }))).toBe(selected);
  const isNegative = operator === "NotIn" || operator === "DoesNotExist";
  expect(selects({ matchExpressions: [expression] }, named("n"))).toBe(isNegative);
});
