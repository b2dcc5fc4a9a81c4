/**
 * Images whose argv, shell or usual role Curfew knows without asking a registry. A row's facts come
 * from the image's Dockerfile, which the comment above it names. What differs between an image's
 * versions is left out. The first row that matches counts. The operator's own rows come before
 * these.
 */
import { boolean, listOf, objectWith, optional, string, type Check } from "../shape.ts";

export interface KnownImage {
  /**
   * The last components of the repository, so that mirrors match, or the whole repository; and
   * optionally a tag: `docker:*dind*`, `buildkite/agent`. `*` stands for any characters but `/`.
   * A row without a tag matches any tag. An image without a tag has `latest`. An image with only a
   * digest can have any tag, so Curfew knows only what all rows for the repository agree on.
   * A repository with one component is in `library/`, as on Docker Hub, so `library/node` doesn't
   * match everybody's `node`.
   */
  readonly image: string;
  /** ENTRYPOINT. Absent: not known, so the argv is known only if the manifest has `command`. */
  readonly entrypoint?: readonly string[] | undefined;
  /** CMD. Absent: not known. */
  readonly cmd?: readonly string[] | undefined;
  /** Path of a POSIX shell. False: the image has none. Absent: not known. */
  readonly shell?: string | false | undefined;
  /** sidecar: it hardly ever does a Job's work. main: it hardly ever does anything else. */
  readonly role?: "sidecar" | "main" | undefined;
  /**
   * The program that makes the image a sidecar, if the image also has programs that do a Job's
   * work. If the manifest sets a command, `role: sidecar` counts only if the command runs this
   * program, directly or in a script.
   */
  readonly daemon?: string | undefined;
  /**
   * True: its start waits for nothing that a main container does. So main may wait for its
   * startupProbe or postStart hook, as it does if the container becomes a native sidecar.
   */
  readonly startsAlone?: boolean | undefined;
}

const sh = "/bin/sh";

/**
 * One row for each of an image's tags that have a shell, then one for all others, which have none.
 */
function shellOnlyIn(tags: readonly string[], row: KnownImage): readonly KnownImage[] {
  return [...tags.map((tag) => ({ ...row, image: `${row.image}:*${tag}*`, shell: sh })), { ...row, shell: false }];
}

/** Base images. Their rows say only that there's a shell. */
const BASES = [
  "alpine amazonlinux bash buildpack-deps busybox centos debian eclipse-temurin fedora golang gradle mariadb maven mongo",
  "mysql node openjdk oraclelinux perl php postgres python redis rockylinux ruby rust ubuntu",
];

/**
 * Rows for any registry, and if the name is one word, for any organization. An exporter counts as
 * one for metrics, which runs forever, only by its maker or by `prometheus` in its name: others
 * export data and end. `dind` is a whole name here, as `actions-runner-dind` is a CI runner with
 * its own daemon.
 */
const ROLE_BY_NAME: readonly KnownImage[] = [
  { image: "dind", role: "sidecar", daemon: "dockerd" },
  { image: "dind-rootless", role: "sidecar", daemon: "dockerd" },
  { image: "docker-dind", role: "sidecar", daemon: "dockerd" },
  { image: "envoy", role: "sidecar" },
  { image: "fluent-bit", role: "sidecar" },
  { image: "mcrouter", role: "sidecar" },
  { image: "pgbouncer", role: "sidecar", daemon: "pgbouncer" },
  { image: "promtail", role: "sidecar" },
  { image: "proxysql", role: "sidecar", daemon: "proxysql" },
  { image: "rsyslog", role: "sidecar" },
  { image: "statsd-exporter", role: "sidecar" },
  { image: "node-exporter", role: "sidecar" },
  { image: "prometheus-*-exporter", role: "sidecar" },
  { image: "prometheus/*-exporter", role: "sidecar" },
  { image: "prometheuscommunity/*-exporter", role: "sidecar" },
  { image: "oliver006/redis_exporter", role: "sidecar" },
];

export const KNOWN_IMAGES: readonly KnownImage[] = [
  // docker-library/docker, */dind/Dockerfile: ENTRYPOINT ["dockerd-entrypoint.sh"], CMD []
  {
    image: "docker:*dind*",
    entrypoint: ["dockerd-entrypoint.sh"],
    cmd: [],
    shell: sh,
    role: "sidecar",
    daemon: "dockerd",
  },
  // docker-library/docker, */cli/Dockerfile: ENTRYPOINT ["docker-entrypoint.sh"], CMD ["sh"]
  { image: "docker:*cli*", entrypoint: ["docker-entrypoint.sh"], cmd: ["sh"], shell: sh },
  // The same project's other tags, including `latest`, are the client before 23.0, and the daemon
  // since (docker-library/docker#369)
  { image: "docker", shell: sh },
  // buildkite/agent, packaging/docker/*/Dockerfile: ENTRYPOINT ["buildkite-agent-entrypoint"], CMD
  // ["start"]; not in its sidecar image
  { image: "buildkite/agent:*sidecar*", shell: sh, role: "sidecar" },
  { image: "buildkite/agent", entrypoint: ["buildkite-agent-entrypoint"], cmd: ["start"], shell: sh },
  // GoogleCloudPlatform/cloud-sql-proxy, Dockerfile and Dockerfile.*: ENTRYPOINT
  // ["/cloud-sql-proxy"]; the default is distroless
  ...shellOnlyIn(["alpine", "bookworm", "bullseye", "buster"], {
    image: "cloud-sql-proxy",
    entrypoint: ["/cloud-sql-proxy"],
    cmd: [],
    role: "sidecar",
  }),
  // The same project's v1: no ENTRYPOINT; distroless from 1.16 on
  ...shellOnlyIn(["alpine", "buster"], { image: "gce-proxy", entrypoint: [], role: "sidecar" }),
  // GoogleCloudPlatform/alloydb-auth-proxy: as cloud-sql-proxy
  ...shellOnlyIn(["alpine", "bookworm", "bullseye", "buster"], {
    image: "alloydb-auth-proxy",
    entrypoint: ["/alloydb-auth-proxy"],
    cmd: [],
    role: "sidecar",
  }),
  // envoyproxy/envoy, distribution/docker/Dockerfile-envoy
  { image: "envoyproxy/envoy:*distroless*", entrypoint: ["/usr/local/bin/envoy"], shell: false, role: "sidecar" },
  {
    image: "envoyproxy/envoy",
    entrypoint: ["/docker-entrypoint.sh"],
    cmd: ["envoy", "-c", "/etc/envoy/envoy.yaml"],
    shell: sh,
    role: "sidecar",
  },
  // Distroless means no shell. Only debug tags of distroless have busybox, which isn't at /bin/sh
  { image: "distroless/*:*debug*", shell: "/busybox/sh" },
  { image: "distroless/*", shell: false },
  { image: "*distroless*", shell: false },
  // fluent/fluentd-docker-image, v*/{alpine,debian}/Dockerfile, from v1.3 on; v1.2 and older have
  // no tini
  { image: "fluent/fluentd:*windows*", shell: false, role: "sidecar" },
  ...["v1.16", "v1.17", "v1.18", "v1.19"].map((version): KnownImage => ({
    image: `fluent/fluentd:${version}*`,
    entrypoint: ["tini", "--", "/bin/entrypoint.sh"],
    cmd: ["fluentd"],
    shell: sh,
    role: "sidecar",
  })),
  // fluent/fluent-bit, dockerfiles/Dockerfile: distroless except -debug; ENTRYPOINT and CMD differ
  // between versions
  { image: "fluent/fluent-bit:*debug*", shell: sh, role: "sidecar" },
  { image: "fluent/fluent-bit", shell: false, role: "sidecar" },
  { image: "fluentd", shell: sh, role: "sidecar" },
  // vectordotdev/vector, distribution/docker/{alpine,debian}/Dockerfile
  { image: "timberio/vector:*alpine*", entrypoint: ["/usr/local/bin/vector"], cmd: [], shell: sh, role: "sidecar" },
  { image: "timberio/vector:*debian*", entrypoint: ["/usr/bin/vector"], cmd: [], shell: sh, role: "sidecar" },
  { image: "timberio/vector:*distroless*", shell: false, role: "sidecar" },
  { image: "timberio/vector", role: "sidecar" },
  // open-telemetry/opentelemetry-collector-releases: FROM scratch; ENTRYPOINT and CMD differ
  // between versions
  { image: "opentelemetry-collector*", shell: false, role: "sidecar" },
  // moby/buildkit, Dockerfile: ENTRYPOINT ["buildkitd"], rootless ENTRYPOINT ["rootlesskit",
  // "buildkitd"]. In its examples/kubernetes, the same image runs buildctl-daemonless.sh as a Job's
  // main container
  {
    image: "moby/buildkit:*rootless*",
    entrypoint: ["rootlesskit", "buildkitd"],
    cmd: [],
    shell: sh,
    role: "sidecar",
    daemon: "buildkitd",
  },
  { image: "moby/buildkit", entrypoint: ["buildkitd"], cmd: [], shell: sh, role: "sidecar", daemon: "buildkitd" },
  // hashicorp/vault, Dockerfile: ENTRYPOINT ["docker-entrypoint.sh"], CMD ["server", "-dev"]. No
  // role: Jobs also use it to set up Vault
  { image: "hashicorp/vault", entrypoint: ["docker-entrypoint.sh"], cmd: ["server", "-dev"], shell: sh },
  // kubernetes/git-sync, Dockerfile.in: ENTRYPOINT ["/git-sync"]. No role: with --one-time or
  // GITSYNC_ONE_TIME it ends
  { image: "git-sync", entrypoint: ["/git-sync"], cmd: [] },
  // qdm12/gluetun, Dockerfile: ENTRYPOINT ["/gluetun-entrypoint"], from alpine
  { image: "gluetun", entrypoint: ["/gluetun-entrypoint"], cmd: [], shell: sh, role: "sidecar" },
  // SeleniumHQ/docker-selenium, {Base,Video}/Dockerfile: no ENTRYPOINT, CMD
  // ["/opt/bin/entry_point.sh"], from ubuntu
  { image: "selenium/video", entrypoint: [], cmd: ["/opt/bin/entry_point.sh"], shell: sh, role: "sidecar" },
  {
    image: "selenium/standalone-*",
    entrypoint: [],
    cmd: ["/opt/bin/entry_point.sh"],
    shell: sh,
    role: "sidecar",
    daemon: "entry_point.sh",
  },
  { image: "selenium/node-*", entrypoint: [], cmd: ["/opt/bin/entry_point.sh"], shell: sh },
  // Kong/docker-kong, */Dockerfile: ENTRYPOINT ["/docker-entrypoint.sh"], CMD ["kong",
  // "docker-start"]
  { image: "library/kong", entrypoint: ["/docker-entrypoint.sh"], cmd: ["kong", "docker-start"], shell: sh },
  // apache/airflow, Dockerfile: ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"], CMD [],
  // from debian
  { image: "apache/airflow", entrypoint: ["/usr/bin/dumb-init", "--", "/entrypoint"], cmd: [], shell: sh },
  // openfga/openfga, Dockerfile: ENTRYPOINT ["/openfga"], from a static base
  { image: "openfga/openfga", entrypoint: ["/openfga"], shell: false },
  // edoburu/docker-pgbouncer, Dockerfile: from alpine
  {
    image: "edoburu/pgbouncer",
    entrypoint: ["/entrypoint.sh"],
    cmd: ["/usr/bin/pgbouncer", "/etc/pgbouncer/pgbouncer.ini"],
    shell: sh,
    role: "sidecar",
    daemon: "pgbouncer",
  },
  // sysown/proxysql, docker/images/proxysql
  { image: "proxysql/proxysql:*debian*", shell: "/bin/bash", role: "sidecar", daemon: "proxysql" },
  // Proxies and agents that injectors add (docs/operations.md), or people by hand. `startsAlone`: the
  // injector's own native mode starts it before main.
  // istio/istio, pilot/docker/Dockerfile.proxyv2; `pilot-agent wait` and the probes ask for its own
  // /healthz/ready (injection-template.yaml)
  { image: "proxyv2", role: "sidecar", startsAlone: true },
  // linkerd/linkerd2, Dockerfile.proxy; linkerd-await asks for its own /ready (_proxy.tpl)
  { image: "linkerd/proxy", role: "sidecar", startsAlone: true },
  // hashicorp/consul-dataplane, Dockerfile: distroless, or ubi, which has a shell; its startupProbe
  // asks for its own listener or /ready (consul_dataplane_sidecar.go)
  { image: "consul-dataplane:*ubi*", shell: sh, role: "sidecar", startsAlone: true },
  { image: "consul-dataplane", role: "sidecar", startsAlone: true },
  // dapr/dapr, docker/Dockerfile: distroless. It waits for main's port if dapr.io/app-port says so
  { image: "daprd", shell: false, role: "sidecar" },
  // DataDog/datadog-agent, Dockerfiles/agent: CMD ["/bin/entrypoint.sh"], from ubuntu
  { image: "datadog/agent", shell: sh, role: "sidecar" },
  { image: "datadoghq/agent", shell: sh, role: "sidecar" },
  // argoproj/argo-workflows, Dockerfile: ENTRYPOINT ["argoexec"], distroless. Argo's container wait
  // ends by itself, after main
  { image: "argoexec", entrypoint: ["argoexec"], shell: false, role: "main" },
  // Daemons for which many people build their own image: only the role is known
  ...ROLE_BY_NAME,
  ...BASES.join(" ")
    .split(" ")
    .map((name): KnownImage => ({ image: `library/${name}`, shell: sh })),
  { image: "*:*distroless*", shell: false },
];

const row: Check = objectWith({
  image: (value) =>
    typeof value === "string" && /^[^\s@]+$/.test(value) ? undefined : " must be an image without a digest",
  entrypoint: optional(listOf(string)),
  cmd: optional(listOf(string)),
  shell: (value) =>
    value === undefined || value === false || (typeof value === "string" && value.startsWith("/"))
      ? undefined
      : " must be an absolute path, or false if the image has no shell",
  role: (value) =>
    value === undefined || value === "sidecar" || value === "main"
      ? undefined
      : " must be sidecar or main, or left out",
  daemon: optional(string),
  startsAlone: optional(boolean),
});

/**
 * Checks the operator's own rows, from a configuration file. Never throws: `problem` names the row
 * and field by JSON Pointer.
 */
export function parseKnownImages(
  value: unknown,
): { readonly rows: readonly KnownImage[] } | { readonly problem: string } {
  const problem = listOf(row)(value);
  return problem === undefined ? { rows: value as KnownImage[] } : { problem: problem.trimStart() };
}
