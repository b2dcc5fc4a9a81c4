/** Reads what {@link AFTER} judges. */
import { secretTexts, webhooksOf } from "../../../certs/objects.ts";
import { parseSecret } from "../../../certs/secret.ts";
import type { AfterFacts } from "./after.ts";
import { known, type Answer } from "./answer.ts";
import type { Asker } from "./asker.ts";
import type { CertificateFacts } from "./certificates.ts";
import { componentOf } from "./deployments.ts";
import type { Deployment, Event, Pod } from "./objects.ts";
import type { ServingPod } from "./ops-port.ts";
import { COMPONENT_LABEL, OWN_SELECTOR, type OwnNames } from "./own-names.ts";
import { readCluster } from "./read-cluster.ts";
import { tryEntries } from "./try-entries.ts";

/** What the cluster doesn't know. */
export interface AfterOptions {
  readonly now: Date;
  readonly programVersion: string;
  /** Where to try Jobs and Pods. Undefined: choose. */
  readonly tryIn: string | undefined;
}

export async function readAfter(
  asker: Asker,
  names: OwnNames,
  version: Answer<string>,
  { now, programVersion, tryIn }: AfterOptions,
): Promise<AfterFacts> {
  const [facts, serving, events] = await Promise.all([
    readCluster(asker, names, version, names.namespace),
    readServing(asker, names),
    asker.list<Event>("/api/v1/events?fieldSelector=reason%3DFailedCreate", "list events"),
  ]);
  const configurations = (facts.mutating.kind === "known" ? (facts.mutating.value ?? []) : []).filter(({ metadata }) =>
    names.configurations.includes(metadata.name),
  );
  const hasCertManager = configurations.some(
    ({ metadata }) => metadata.annotations?.["cert-manager.io/inject-ca-from"] !== undefined,
  );
  const secretName = secretOf(facts.deployments) ?? "curfew-certificates";
  const [secret, trials] = await Promise.all([
    readSecret(asker, names.namespace, secretName),
    tryEntries(asker, facts, tryIn),
  ]);
  const entries =
    facts.mutating.kind === "known"
      ? configurations.flatMap(({ webhooks = [] }) => webhooks.map(({ name }) => name))
      : undefined;
  return {
    ...facts,
    ...{ serving, events, now, programVersion, hasCertManager, secretName, secret, trials, entries },
    configurations: configurations.map(({ metadata }) => ({ name: metadata.name, version: "" })),
    webhooks: configurations.flatMap(({ metadata, webhooks }) => webhooksOf(webhooks, metadata.name, names.namespace)),
  };
}

/** The Secret that the admission Pods mount: cert-manager's has another name. */
function secretOf(deployments: Answer<readonly Deployment[] | undefined>): string | undefined {
  const all = deployments.kind === "known" ? (deployments.value ?? []) : [];
  const admission = all.find((each) => componentOf(each) === "admission");
  return admission?.spec.template.spec.volumes?.find(({ secret }) => secret !== undefined)?.secret?.secretName;
}

async function readSecret(asker: Asker, namespace: string, name: string): Promise<CertificateFacts["secret"]> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const answer = await asker.get<{ readonly data?: Readonly<Record<string, string>> }>(
    path,
    `get the Secret ${namespace}/${name}`,
  );
  return answer.kind === "known" ? known(answer.value && parseSecret(secretTexts(answer.value.data))) : answer;
}

/** Enough to see whether the port can be reached. */
const MAX_PODS = 10;

async function readServing(asker: Asker, { namespace }: OwnNames): Promise<Answer<readonly ServingPod[]>> {
  const selector = encodeURIComponent(`${OWN_SELECTOR},${COMPONENT_LABEL}=admission`);
  const answer = await asker.list<Pod>(
    `/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`,
    `list pods in ${namespace}`,
  );
  if (answer.kind === "unknown") return answer;
  const ready = (answer.value ?? []).filter(({ status }) =>
    status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
  );
  return known(
    await Promise.all(
      ready.slice(0, MAX_PODS).map(async ({ metadata: { name }, spec, status }) => {
        const port =
          spec.containers.flatMap(({ ports = [] }) => ports).find((each) => each.name === "ops")?.containerPort ?? 8080;
        const path = `/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy/metrics`;
        return {
          name,
          startTime: status?.startTime,
          metrics: await asker.text(path, `get pods/proxy in ${namespace}`),
        };
      }),
    ),
  );
}
