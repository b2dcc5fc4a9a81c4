import { X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { askServers, presentedBy, type Endpoint } from "../../../certs/presented.ts";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { addressOf, listenWith, NOBODY } from "../../support/certs/serving-pod.ts";

describe("what Pods present", () => {
  const presented = async (
    endpoints: readonly Endpoint[],
    timeoutMs?: number,
  ): Promise<readonly string[] | undefined> => presentedBy(await askServers(endpoints, timeoutMs));
  const { cert, key } = createTestAuthority().issue();
  const fingerprint = new X509Certificate(cert).fingerprint256;
  const host = "curfew-admission.curfew-system.svc";

  test("is what they answer over TLS, whoever signed it", async () => {
    const server = await listenWith(cert, key);
    expect(await presented([{ ...addressOf(server), host, isServing: true }])).toEqual([fingerprint]);
    server.close();
  });

  test("is unknown while a serving one doesn't answer; one that isn't serving needn't answer", async () => {
    const server = await listenWith(cert, key);
    const there = { ...addressOf(server), host, isServing: true };
    expect(await presented([there, { ...NOBODY, host, isServing: true }])).toBeUndefined();
    expect(await presented([there, { ...NOBODY, host, isServing: false }])).toEqual([fingerprint]);
    server.close();
  });

  test("is unknown if one accepts connections and says nothing", async () => {
    const { createServer: createSilent } = await import("node:net");
    const silent = createSilent().listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const { port } = silent.address() as AddressInfo;
    expect(
      await presented([{ name: "silent", address: "127.0.0.1", port, host, isServing: true }], 100),
    ).toBeUndefined();
    silent.close();
  });
});
