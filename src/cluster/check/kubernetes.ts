/** Whether Kubernetes has what Curfew needs. */
import { docsUrl } from "../../process/docs.ts";
import { whenKnown, type Answer } from "./answer.ts";
import { bad, good, warning, type Finding, type Group } from "./finding.ts";
import type { Node, Pod } from "./objects.ts";

export interface KubernetesFacts {
  /** Such as `v1.36.2`. */
  readonly version: Answer<string>;
  /** The resources that admissionregistration.k8s.io/v1 has. */
  readonly admissionResources: Answer<readonly string[]>;
  /** The API server's own Pods, if it runs in some. */
  readonly apiServers: Answer<readonly Pod[] | undefined>;
  readonly nodes: Answer<readonly Node[] | undefined>;
}

/** ValidatingAdmissionPolicy is v1, and on, since 1.30. */
const OLDEST = { major: 1, minor: 30 };
/** Native sidecars are on by default since 1.29. */
const OLDEST_KUBELET = { major: 1, minor: 29 };

const NEEDED = ["mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"];
/** https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ */
const PLUGINS = ["MutatingAdmissionWebhook", "ValidatingAdmissionPolicy"];

export const KUBERNETES_GROUP: Group<KubernetesFacts> = {
  title: "Kubernetes",
  checks: [
    { id: "kubernetes-version", run: ({ version }) => whenKnown(version, versionFindings) },
    { id: "admission-apis", run: ({ admissionResources }) => whenKnown(admissionResources, apiFindings) },
    { id: "admission-plugins", run: ({ apiServers }) => whenKnown(apiServers, (pods) => pluginFindings(pods ?? [])) },
    { id: "kubelet-versions", run: ({ nodes }) => whenKnown(nodes, (all) => kubeletFindings(all ?? [])) },
  ],
};

function versionFindings(version: string): Finding[] {
  if (!isOlder(version, OLDEST)) return [good(`version ${version}`)];
  const hint = "upgrade Kubernetes, or use `curfew inject -f job.yaml | kubectl apply -f -` without the webhook";
  return [
    bad(`version ${version} is older than ${OLDEST.major}.${OLDEST.minor}`, hint, docsUrl("operations", "install")),
  ];
}

function apiFindings(served: readonly string[]): Finding[] {
  const missing = NEEDED.filter((resource) => !served.includes(resource));
  if (missing.length === 0) return [good("the APIs for webhooks and admission policies are available")];
  const hint = "enable admissionregistration.k8s.io/v1 in the API server's --runtime-config";
  return [bad(`the API server doesn't serve ${missing.join(", ")}`, hint, docsUrl("operations", "install"))];
}

function pluginFindings(apiServers: readonly Pod[]): Finding[] {
  const disabled = new Set(apiServers.flatMap(disabledPlugins));
  const missing = PLUGINS.filter((plugin) => disabled.has(plugin));
  if (missing.length > 0) {
    const hint = "remove them from the API server's --disable-admission-plugins";
    return [bad(`the API server disables ${missing.join(" and ")}`, hint, docsUrl("operations", "install"))];
  }
  // Elsewhere nobody can see the flags. Both are on by default.
  return apiServers.length > 0
    ? [good("the API server's flags don't disable any admission plugin that Curfew needs")]
    : [];
}

function disabledPlugins({ spec }: Pod): string[] {
  const flags = spec.containers.flatMap(({ command = [], args = [] }) => [...command, ...args]);
  return flags.flatMap((flag) => /^--disable-admission-plugins=(.*)$/.exec(flag)?.[1]?.split(",") ?? []);
}

function kubeletFindings(nodes: readonly Node[]): Finding[] {
  const old = nodes.filter(({ status }) => isOlder(status?.nodeInfo?.kubeletVersion ?? "", OLDEST_KUBELET));
  if (old.length === 0)
    return nodes.length === 0 ? [] : [good(`${nodes.length} of ${nodes.length} nodes support native sidecars`)];
  const hint = "set CURFEW_NATIVE_SIDECARS=false on curfew-admission until they're upgraded";
  const text = `${old.length} of ${nodes.length} nodes are older than 1.29 and don't support native sidecars`;
  return [warning(text, hint, docsUrl("operations", "settings"))];
}

/** False for what isn't a version. */
function isOlder(version: string, than: { readonly major: number; readonly minor: number }): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) < than.major || (Number(major) === than.major && Number(minor) < than.minor);
}
