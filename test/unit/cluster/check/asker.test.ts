import { expect, it } from "vitest";
import { createAsker } from "../../../../src/cluster/check/asker.ts";
import type { KubeClient, KubeRequest } from "../../../../src/kubernetes/client.ts";

const answering = (answer: string, code = 200) => {
  const request = ({ path }: Pick<KubeRequest, "path">) =>
    Promise.resolve({ code, headers: {}, path, text: () => Promise.resolve(answer) });
  return createAsker({ request } as unknown as KubeClient, () => 1000);
};

it.each(["<html>Please log in</html>", "null", '"x"', ""])(
  "an answer that isn't the API server's, such as %j, is a value, not a crash",
  async (answer) => {
    const unknown = { kind: "unknown", why: expect.stringContaining("is there a proxy in between?") as string };
    const asker = answering(answer);
    expect(await asker.get("/x", "get x")).toMatchObject(unknown);
    expect(await asker.list("/x", "list x")).toMatchObject(unknown);
    expect(await asker.tryCreate("/x", {}, "create x")).toMatchObject(unknown);
    expect(await asker.ask("/x", {}, "ask x")).toMatchObject(unknown);
  },
);
