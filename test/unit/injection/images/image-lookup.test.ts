import { describe, expect, test } from "vitest";
import { imageLookup } from "../../../../src/injection/images/image-lookup.ts";
import { KNOWN_IMAGES, parseKnownImages } from "../../../../src/injection/images/known-images.ts";

const lookUp = imageLookup();
const digest = `@sha256:${"0".repeat(64)}`;

describe("an image reference finds its row", () => {
  test.each([
    ["docker:dind", "docker:*dind*"],
    ["docker:27.3.1-dind-alpine3.20", "docker:*dind*"],
    ["docker.io/library/docker:27-dind", "docker:*dind*"],
    ["localhost/docker:27-dind", "docker:*dind*"],
    ["localhost:5000/docker:27-dind", "docker:*dind*"],
    ["123456789012.dkr.ecr.eu-west-1.amazonaws.com/hub/docker:27-dind-rootless", "docker:*dind*"],
    [`docker:27-dind${digest}`, "docker:*dind*"],
    ["docker:27-cli", "docker:*cli*"],
    ["docker:27", "docker"],
    ["docker", "docker"],
    ["buildkite/agent", "buildkite/agent"],
    ["ghcr.io/mirror/buildkite/agent:3-ubuntu-24.04", "buildkite/agent"],
    ["buildkite/agent:3-sidecar", "buildkite/agent:*sidecar*"],
    ["gcr.io/cloudsql-docker/gce-proxy:1.33.0-alpine", "gce-proxy:*alpine*"],
    ["gcr.io/cloudsql-docker/gce-proxy:1.33.0", "gce-proxy"],
    ["envoyproxy/envoy:distroless-v1.31.0", "envoyproxy/envoy:*distroless*"],
    ["gcr.io/distroless/static-debian12:debug-nonroot", "distroless/*:*debug*"],
    ["gcr.io/distroless/static-debian12:nonroot", "distroless/*"],
    ["corp.example/team/app-distroless:1", "*distroless*"],
    ["corp.example/team/app:1-distroless", "*:*distroless*"],
    ["otel/opentelemetry-collector-contrib:0.110.0", "opentelemetry-collector*"],
    ["selenium/standalone-chrome:126.0", "selenium/standalone-*"],
    ["selenium/node-firefox:4.27.0", "selenium/node-*"],
    ["kong:3.9", "library/kong"],
    ["docker.io/apache/airflow:2.10.3", "apache/airflow"],
    ["openfga/openfga:v1.8.0", "openfga/openfga"],
    ["fluent/fluentd:v1.16-debian-1", "fluent/fluentd:v1.16*"],
    ["fluent/fluentd:v1.16-windows-ltsc2022", "fluent/fluentd:*windows*"],
    ["corp.example/logging/fluentd:7", "fluentd"],
    ["edoburu/pgbouncer:v1.23.1-p2", "edoburu/pgbouncer"],
    ["corp.example/mirror/proxysql/proxysql:3.0.3-debian", "proxysql/proxysql:*debian*"],
    ["corp.example/base/envoy:1.23.10", "envoy"],
    ["corp.example/mcrouter", "mcrouter"],
    ["corp.example/prometheus-mcrouter-exporter:1", "prometheus-*-exporter"],
    ["corp.example/tools/docker-dind:3", "docker-dind"],
    ["gcr.io/istio-release/proxyv2:1.23.2", "proxyv2"],
    ["cr.l5d.io/linkerd/proxy:edge-25.4.4", "linkerd/proxy"],
    ["hashicorp/consul-dataplane:1.6.0-ubi", "consul-dataplane:*ubi*"],
    ["public.ecr.aws/datadog/agent:7", "datadog/agent"],
    ["quay.io/argoproj/argoexec:v3.7.3", "argoexec"],
    ["node", "library/node"],
    ["docker.io/node:24", "library/node"],
    ["mirror.gcr.io/library/node:24", "library/node"],
  ])("%s: %s", (image, row) => {
    expect(lookUp(image)?.image).toBe(row);
  });

  test.each([
    ["", "it's empty"],
    ["corp/node:24", "it only has the name of a base image"],
    ["corp.example/team/node:24", "it only has the name of a base image"],
    ["mydocker:dind", "the whole name must match"],
    ["corp.example/orders-exporter:1", "an exporter of data does a Job's work"],
    ["summerwind/actions-runner-dind:v2", "a runner brings its own daemon"],
    ["corp.example/envoy-config-check:1", "the whole name must match"],
    ["docker/daemon:dind", "the repository's last component counts"],
    ["agent:3", "a row of two components needs both"],
    ["buildkite/agent/docker:dind/x", "that isn't a tag"],
    ["::@@//", "it isn't a reference"],
  ])("%j has none, because %s", (image) => {
    expect(lookUp(image)).toBeUndefined();
  });
});

describe("a digest without a tag", () => {
  test.each([
    ["docker", { entrypoint: undefined, shell: "/bin/sh", role: undefined }],
    ["gcr.io/x/cloud-sql-proxy", { entrypoint: ["/cloud-sql-proxy"], shell: undefined, role: "sidecar" }],
    ["envoyproxy/envoy", { entrypoint: undefined, shell: undefined, role: "sidecar" }],
    ["moby/buildkit", { entrypoint: undefined, shell: "/bin/sh", role: "sidecar" }],
    ["buildkite/agent", { entrypoint: undefined, shell: "/bin/sh", role: undefined }],
    ["alpine", { shell: "/bin/sh" }],
    ["gcr.io/distroless/base", { entrypoint: undefined, shell: undefined, role: undefined }],
  ])("gives what all tags of %s have in common", (repository, facts) => {
    expect(lookUp(repository + digest)).toMatchObject(facts);
  });

  test("gives nothing for an image that only its tag would identify", () => {
    expect(lookUp(`corp.example/team/app${digest}`)).toBeUndefined();
  });
});

test("finds the same row again, however many other images were looked up since", () => {
  const unknown = (count: number): string => `corp.example/build-${count}:1`;
  const known = lookUp("docker:27-dind");
  for (let count = 0; count < 2_500; count += 1) expect(lookUp(unknown(count))).toBeUndefined();
  expect(lookUp("docker:27-dind")).toBe(known);
  expect(lookUp("docker:27-cli")?.image).toBe("docker:*cli*");
  expect(lookUp(unknown(0))).toBeUndefined();
  expect(lookUp(`${"corp.example/".repeat(100)}docker:27-dind`)).toBe(known);
});

describe("the operator's rows", () => {
  test("come first", () => {
    const rows = [{ image: "buildkite/agent", entrypoint: ["/init"], cmd: [], shell: "/bin/bash" }];
    expect(imageLookup(rows)("buildkite/agent:3")).toBe(rows[0]);
    expect(imageLookup(rows)(`buildkite/agent${digest}`)).toBe(rows[0]);
  });

  test("match anything except a slash with *", () => {
    const rows = [{ image: "a*b*c/x*", shell: "/bin/sh" }];
    const known = (image: string): boolean => imageLookup(rows)(image) !== undefined;
    expect(["abc/x", "a1b2c/x3", "corp.example/y/abbc/x"].map(known)).toEqual([true, true, true]);
    expect(["ac/x", "abc/yx", "ab/c/x", "a/bc/x", "abcd/x"].map(known)).toEqual([false, false, false, false, false]);
  });

  test.each(["corp.example/logs", "corp.example:5000/logs:1.*", "localhost/logs:*"])(
    "can name the registry: %s",
    (row) => {
      const image = row.replace("*", "1");
      expect(imageLookup([{ image: row, shell: "/bin/sh" }])(image)?.image).toBe(row);
      expect(imageLookup([{ image: row, shell: "/bin/sh" }])(image.replace(/^\w+/, "other"))).toBeUndefined();
    },
  );

  test("can look like the built-in ones", () => {
    expect(parseKnownImages(KNOWN_IMAGES)).toEqual({ rows: KNOWN_IMAGES });
  });

  test.each([
    [{}, "must be a list"],
    [[{}], "/0/image must be an image without a digest"],
    [[{ image: `docker${digest}` }], "/0/image must be an image without a digest"],
    [[{ image: "docker:dind" }, { image: "docker", entrypoint: "sh" }], "/1/entrypoint must be a list"],
    [[{ image: "docker", cmd: [1] }], "/0/cmd/0 must be a string"],
    [[{ image: "docker", shell: "sh" }], "/0/shell must be an absolute path, or false if the image has no shell"],
    [[{ image: "docker", shell: true }], "/0/shell must be an absolute path, or false if the image has no shell"],
    [[{ image: "docker", role: "Main" }], "/0/role must be sidecar or main, or left out"],
  ])("%j: %s", (rows, problem) => {
    expect(parseKnownImages(rows)).toEqual({ problem });
  });
});
