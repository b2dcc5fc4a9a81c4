/**
 * `curfew certs` with a real API server: certificates and authorities live for seconds while Jobs
 * are created.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accepted, request, type KubernetesObject } from "../support/api.ts";
import { configurationPaths, readCaBundles, secretPath } from "../support/certificate-watch.ts";
import { isApiServerReady, signalControlPlane } from "../support/control-plane.ts";
import { LocalCerts, type RotationSeen } from "../support/local-certs.ts";

// Two installations, which rotate at the same time to save time.
const one = new LocalCerts("certs-test");
const other = new LocalCerts("certs-test-two");
beforeAll(async () => {
  await Promise.all([one.install(), other.install()]);
});
afterAll(async () => {
  await Promise.all([one.remove(), other.remove()]);
});

/** One installation's tests run in order, beside those of the other. */
const IN_TURN = { concurrent: false, timeout: 800_000 };

const isRotated = ({ issued, retired }: RotationSeen): boolean => issued.size >= 3 && retired.size >= 1;

describe.concurrent("curfew certs", () => {
  it(
    "renews certificates and authorities while Jobs are created without pause, and none is refused",
    IN_TURN,
    async () => {
      const seconds = process.env["LONG"] === undefined ? 0 : 600;
      const end = Date.now() + seconds * 1000;
      const isEnough = (seen: RotationSeen): boolean => isRotated(seen) && Date.now() >= end;
      const seen = await one.createJobsUntil("an authority is replaced and retired", isEnough, seconds + 120);
      const { jobs, handshakes, issued, trusted, retired } = seen;
      console.log(
        `${jobs} Jobs, ${handshakes} handshakes, ${issued.size} certificates, ${trusted.size} authorities, ${retired.size} retired`,
      );
      expect(seen.failures).toEqual([]);
    },
  );

  it("carries on after it was killed in the middle of a rotation", IN_TURN, async () => {
    // The Pods don't have it yet. `curfew certs` runs again long before the next is due, even on a
    // busy machine.
    const before = await one.createJobsUntil("a certificate is issued", ({ issued }) => issued.size >= 2);
    one.killCerts();
    one.startCerts();
    const after = await one.createJobsUntil("the next is issued and served", ({ issued, presented }) => {
      return issued.size >= 2 && [...issued].every((certificate) => presented.has(certificate));
    });
    expect([...before.failures, ...after.failures]).toEqual([]);
  });
});

describe.concurrent("two curfew certs at once", () => {
  it("do no harm", IN_TURN, async () => {
    const second = other.startCerts();
    const seen = await other.createJobsUntil("an authority is replaced and retired", isRotated);
    second.kill("SIGTERM");
    expect(seen.failures).toEqual([]);
    expect(seen.trusted.size).toBeLessThanOrEqual(3);
  });

  it("create a deleted Secret again when one of them is left, and no Job is refused meanwhile", IN_TURN, async () => {
    accepted(await request("DELETE", secretPath(other.namespace)));
    const seen = await other.createJobsUntil("everything is new", ({ retired }) => retired.size >= 1);
    expect(seen.failures).toEqual([]);
  });
});

describe("curfew certs, when what it keeps is broken", () => {
  const wipeCaBundles = async (): Promise<void> => {
    for (const path of configurationPaths(one.configuration)) {
      const { webhooks } = accepted(await request<KubernetesObject & { webhooks: object[] }>("GET", path));
      const wipe = webhooks.map((_, index) => ({ op: "remove", path: `/webhooks/${index}/clientConfig/caBundle` }));
      accepted(await request("PATCH", path, wipe, "application/json-patch+json"));
    }
  };
  const untilBack = async (options = {}): Promise<void> => {
    await expect.poll(() => readCaBundles(one.configuration), options).not.toContain("");
    await one.untilAnswered(); // the API server may see them a moment later
  };

  it("puts a wiped caBundle back within seconds", async () => {
    await wipeCaBundles();
    await untilBack({ timeout: 30_000 });
  });

  it("carries on by itself once a killed API server is back", async () => {
    // Certificate and authority are new, so that neither expires while nothing can be issued.
    accepted(await request("DELETE", secretPath(one.namespace)));
    const before = await one.createJobsUntil("what is new is served", ({ issued, presented }) => {
      return issued.size > 0 && [...issued].every((certificate) => presented.has(certificate));
    });
    signalControlPlane("kube-apiserver", "SIGKILL");
    await expect.poll(isApiServerReady).toBe(false);
    await expect.poll(isApiServerReady).toBe(true);
    await wipeCaBundles();
    await untilBack();
    const after = await one.createJobsUntil("a certificate is issued", ({ issued }) => issued.size >= 2);
    // If it was away until just before the certificate's end, the next one comes a moment too late.
    const others = after.failures.filter((failure) => !failure.includes("certificate has expired"));
    expect([...before.failures, ...others]).toEqual([]);
  }, 400_000);
});
