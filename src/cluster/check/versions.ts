/** Whether server, manifests and this program are of one version. */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { good, warning, type Finding, type Group } from "./finding.ts";
import type { Deployment, WebhookConfiguration } from "./objects.ts";
import { VERSION_LABEL } from "./own-names.ts";

export interface VersionFacts {
  /** The names of Curfew's own configurations. */
  readonly own: readonly string[];
  /** Of this program. */
  readonly programVersion: string;
  readonly deployments: Answer<readonly Deployment[] | undefined>;
  readonly mutating: Answer<readonly WebhookConfiguration[] | undefined>;
}

export const VERSIONS_GROUP: Group<VersionFacts> = {
  title: "Versions",
  checks: [
    {
      id: "server-version",
      run: ({ deployments, programVersion }) =>
        whenKnown(deployments, (all) => serverFindings(all ?? [], programVersion)),
    },
    {
      id: "manifest-version",
      run: ({ mutating, own, programVersion }) =>
        whenKnown(mutating, (all) =>
          manifestFindings(
            (all ?? []).filter(({ metadata }) => own.includes(metadata.name)),
            programVersion,
          ),
        ),
    },
  ],
};

const DOCS = docsUrl("operations", "upgrade-and-rollback");
const SEMVER = /^v?(\d+\.\d+\.\d+\S*)$/;

/**
 * The version that runs: the image's tag if that's a version, because people can set an image
 * without the labels. Otherwise the label, because a tag can be anything, or be missing.
 */
export function serverVersion({ metadata, spec }: Deployment): string | undefined {
  const image = spec.template.spec.containers[0]?.image ?? "";
  const tag = /:([^:/@]+)(?:@.*)?$/.exec(image)?.[1] ?? "";
  return SEMVER.exec(tag)?.[1] ?? metadata.labels?.[VERSION_LABEL];
}

function serverFindings(deployments: readonly Deployment[], version: string): Finding[] {
  return deployments.map((deployment) => compare(deployment.metadata.name, serverVersion(deployment), version));
}

function manifestFindings(configurations: readonly WebhookConfiguration[], version: string): Finding[] {
  return configurations.map(({ metadata }) =>
    compare(`MutatingWebhookConfiguration ${metadata.name}`, metadata.labels?.[VERSION_LABEL], version),
  );
}

function compare(what: string, found: string | undefined, version: string): Finding {
  if (found === version) return good(`${what} is version ${version}, like this program`);
  if (found === undefined) {
    const hint = "apply the manifests of the version that you run";
    return warning(`${what} doesn't say its version: it has no label ${VERSION_LABEL}`, hint, DOCS);
  }
  const hint = "use one version for the image, the manifests and this program";
  return warning(`${what} is version ${found}, but this program is ${version}`, hint, DOCS);
}
