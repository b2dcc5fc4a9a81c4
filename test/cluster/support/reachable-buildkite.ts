/** The fake Buildkite, at an address that the cluster's Pods can reach. */
import { BlockList } from "node:net";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll } from "vitest";
import { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import { accepted, request } from "./api.ts";

interface NodeList {
  readonly items: readonly { status: { addresses: readonly { type: string; address: string }[] } }[];
}

/** A fake that listens while the tests of the calling file run. */
export function reachableBuildkite(): FakeBuildkite {
  const fake = new FakeBuildkite();
  beforeAll(async () => {
    await fake.listen(process.env["CURFEW_TEST_ADDRESS"] ?? (await addressBesideNodes()));
  });
  afterAll(() => fake.close());
  return fake;
}

/**
 * This machine's address in the nodes' network: the node's own here, the Docker network's gateway
 * with kind or k3d.
 */
async function addressBesideNodes(): Promise<string> {
  const { items } = accepted(await request<NodeList>("GET", "/api/v1/nodes"));
  const nodes = items
    .flatMap((node) => node.status.addresses)
    .filter(({ type }) => type === "InternalIP")
    .map(({ address }) => address);
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const near = own.find(({ family, address, netmask }) => {
    const network = new BlockList();
    if (family === "IPv4") network.addSubnet(address, prefixOf(netmask));
    return nodes.some((node) => network.check(node));
  });
  if (near) return near.address;
  throw new Error(
    `this machine has no address in the network of the nodes (${nodes.join(", ")}): set CURFEW_TEST_ADDRESS to one that Pods can reach`,
  );
}

function prefixOf(netmask: string): number {
  return netmask.split(".").reduce((bits, part) => bits + Number(part).toString(2).replaceAll("0", "").length, 0);
}
