import fc from "fast-check";
import { expect } from "vitest";
import { planJob } from "../../../src/injection/plan-job.ts";
import { law } from "../../support/law.ts";

/** Words that names and images are made of: evidence, and what looks like evidence. */
const word = fc.constantFrom(
  ...["proxy", "sidecar", "dind", "agent", "cloud", "sql", "controller", "migrate", "users", "exporter", "logs", "2"],
  ...["proxysql", "sidecars", "dinding", "envoy", "docker", "runner", "main", "job"],
);
const name = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join("-"));
const image = fc
  .tuple(fc.constantFrom("", "corp.example/", "corp.example:5000/team/"), name, fc.option(name))
  .map(([host, repository, tag]) => `${host}${repository}${tag === null ? "" : `:${tag}`}`);
const command = fc.constantFrom(["sh", "-c", "…"], ["/app"], null);

/**
 * The evidence that docs/reference.md describes, for the names and images above. It doesn't use the
 * planner's own table.
 */
function isEvident(container: { name: string; image: string; command: unknown }, ownName: string): boolean {
  const words = container.name.split("-").filter((each, at, all) => !(each === "2" && at === all.length - 1 && at > 0));
  while (words.length > 1 && words.at(-1) === "2") words.pop();
  const byName =
    ((words.at(-1) ?? "").includes("proxy") || words.at(-1) === "sidecar" || words.includes("dind")) &&
    !words.includes("migrate");
  const [, repository = "", tag = ""] = /([^/:]*)(?::([^/]*))?$/.exec(container.image) ?? [];
  const byImage =
    repository === "envoy" ||
    // These run something else if the manifest sets a command.
    (container.command === null &&
      (["proxysql", "dind", "docker-dind"].includes(repository) || (repository === "docker" && tag.includes("dind"))));
  return (byName && container.name !== ownName) || byImage;
}

law(
  "in a Job without annotations, a container is a sidecar if there's evidence for it, and never otherwise",
  fc.property(
    fc.uniqueArray(fc.record({ name, image, command }), { minLength: 2, maxLength: 5, selector: (each) => each.name }),
    fc.option(name),
    (containers, otherName) => {
      const ownName = otherName ?? containers[0]?.name ?? "";
      const metadata = { name: ownName, labels: { "curfew.sh/enabled": "true" } };
      const plan = planJob({ metadata, spec: { template: { spec: { restartPolicy: "Never", containers } } } });
      expect(plan.containers).toHaveLength(containers.length);
      for (const [index, container] of containers.entries()) {
        const isSidecar = plan.containers[index]?.role === "sidecar";
        expect([container.name, container.image, isSidecar]).toEqual([
          container.name,
          container.image,
          isEvident(container, ownName),
        ]);
      }
    },
  ),
);

law(
  "if the roles are unclear, each line that the refusal suggests makes them clear",
  fc.property(
    fc.uniqueArray(fc.record({ name, image, command }), { minLength: 2, maxLength: 5, selector: (each) => each.name }),
    (containers) => {
      const planWith = (annotations: Record<string, string>) =>
        planJob({
          metadata: { labels: { "curfew.sh/enabled": "true" }, annotations },
          spec: { template: { spec: { restartPolicy: "Never", containers } } },
        });
      const plan = planWith({});
      if (plan.kind !== "refuse" || plan.reason !== "roles-unclear") return;
      for (const [line, key = "", value = ""] of plan.message.matchAll(/(curfew\.sh\/\w+): "([^"]*)"/g)) {
        const told = planWith({ [key]: value });
        expect([line, told.kind === "refuse" ? told.reason : "clear"]).toEqual([
          line,
          expect.stringMatching(/^(clear|limits-met)$/),
        ]);
      }
    },
  ),
);
